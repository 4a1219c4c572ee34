// Use both pages by the keyboard alone, and print what came of it: `node keyboard.mjs FOLDER`
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { chromium } from "playwright-core";

const folder = process.argv[2];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

async function open(name) {
  const page = await browser.newPage();
  await page.goto(pathToFileURL(join(folder, name)).href);
  /** Press Tab until what a selector names has the focus, and see that this is shown. */
  const reach = async (selector) => {
    for (let k = 0; k < 40; k++) {
      await page.keyboard.press("Tab");
      const [there, ring] = await page.evaluate((wanted) => {
        const { matches, style } = { matches: document.activeElement.matches(wanted), style: getComputedStyle(document.activeElement) };
        return [matches, style.outlineStyle !== "none"];
      }, selector);
      if (there && !ring && selector !== "#file") throw new Error(`${selector}: its focus cannot be seen`);
      if (there) return;
    }
    throw new Error(`${selector} is not reached by Tab`);
  };
  return { page, reach, press: async (key, times = 1) => { for (let k = 0; k < times; k++) await page.keyboard.press(key); } };
}

{
  const { page, reach, press } = await open("xnet.html");
  await reach("#file");
  await reach("#examples button");
  await press("Enter");
  await page.waitForFunction(() => window.xnet.decision, null, { timeout: 300_000 });
  const before = await page.evaluate(() => window.xnet.decision.shares[1]);
  await reach("#opacity");
  await press("ArrowRight", 2);
  await reach("#use-threshold");
  await press("Space");
  await reach("#threshold");
  await press("ArrowRight", 30);
  const found = await page.evaluate(() => ({ threshold: Number(document.getElementById("threshold").value), tissue: window.xnet.decision.shares[1] }));
  await reach("#polarity");
  await reach("#high");
  await reach("#save");
  const [download] = await Promise.all([page.waitForEvent("download"), press("Enter")]);
  console.log(JSON.stringify({ before, ...found, saved: download.suggestedFilename() }));
}
{
  const { page, reach, press } = await open("explorer.html");
  await reach("#image");
  await press("ArrowDown");
  await reach("#threshold");
  await press("ArrowRight", 3);
  await reach("#dilation");
  await press("ArrowRight", 2);
  console.log(JSON.stringify(await page.evaluate(() => window.explorer)));
}
await browser.close();
