// Move the explorer's controls by keyboard-like input and print its numbers: PAGE NAME THRESHOLD SIDE
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [html, name, threshold, side] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage();
await page.goto(pathToFileURL(html).href);
await page.selectOption("#image", name);
await page.fill("#threshold", threshold);
await page.fill("#dilation", side);
console.log(JSON.stringify(await page.evaluate(() => window.explorer)));
await browser.close();
