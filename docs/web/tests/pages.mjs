// Look at every page of the built book in a browser: what it asks of other hosts, what is missing,
// what axe-core finds serious. `node docs/web/tests/pages.mjs FOLDER [--pictures OUT] [NAME ...]`
import { readdirSync, readFileSync, statSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const words = process.argv.slice(2);
const folder = words.shift();
const pictures = words[0] === "--pictures" ? words.splice(0, 2)[1] : null;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

function pages(place) {
  return readdirSync(place).flatMap((name) => {
    const path = join(place, name);
    if (statSync(path).isDirectory()) return name.startsWith("_") ? [] : pages(path);
    return name.endsWith(".html") ? [path] : [];
  });
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const problems = [];
const chosen = pages(folder).filter((path) => !words.length || words.some((word) => path.includes(word)));
for (const path of chosen) {
  const name = relative(folder, path);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const say = (what) => problems.push(`${name}: ${what}`);
  page.on("request", (request) => /^(file|data|blob):/.test(request.url()) || say(`asks for ${request.url()}`));
  page.on("requestfailed", (request) => say(`lacks ${request.url()}`));
  page.on("pageerror", (error) => say(`fails: ${error.message}`));
  await page.goto(pathToFileURL(path).href);
  const missing = await page.evaluate(() => [...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src));
  missing.forEach((source) => say(`shows no ${source}`));
  await page.evaluate(axe);
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.evaluate((mode) => { if (document.documentElement.dataset.theme) document.documentElement.dataset.theme = mode; }, scheme);
    await page.waitForTimeout(250);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], preload: false }));
    for (const { id, impact, nodes } of violations)
      if (impact === "serious" || impact === "critical") say(`${scheme}: ${id} (${nodes.length}): ${nodes[0].html.slice(0, 160)}`);
    if (pictures) {
      mkdirSync(pictures, { recursive: true });
      const stem = join(pictures, name.replaceAll("/", "-").replace(".html", ""));
      await page.screenshot({ path: `${stem}-${scheme}.png` });
      if (scheme === "dark") continue;
      await page.setViewportSize({ width: 390, height: 844 });
      await page.screenshot({ path: `${stem}-phone.png` });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 1) say(`is ${wide} pixels wider than a phone`);
      await page.setViewportSize({ width: 1280, height: 900 });
    }
  }
  await page.close();
}
await browser.close();
console.log(`${chosen.length} pages`);
problems.forEach((problem) => console.log(problem));
process.exit(problems.length ? 1 : 0);
