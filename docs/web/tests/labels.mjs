// Drop files on the built page and print what it says of each, a line of JSON a file; labels are
// written to OUT as raw bytes: `node labels.mjs PAGE OUT FILE[=THRESHOLD] ...`
// On Linux a line also tells what the page's process has cost: seconds of computing for this file,
// and the most memory so far, in MB.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [html, out, ...files] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage();
page.on("request", (request) => {
  const url = request.url();
  if (!/^(file|data|blob):/.test(url)) console.log(JSON.stringify({ asked: url }));
});
page.on("pageerror", (error) => console.log(JSON.stringify({ failed: error.message })));
await page.goto(pathToFileURL(html).href);
await page.evaluate(() => document.body.insertAdjacentHTML("beforeend", '<input type="file" id="hand">'));
const { processInfo } = await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo");
const process_ = `/proc/${processInfo.filter(({ type }) => type === "renderer").at(-1)?.id}`;

/** CPU seconds and the largest memory in MB of the page's process. */
function cost() {
  if (!existsSync(`${process_}/status`)) return {};
  const times = readFileSync(`${process_}/stat`, "utf8").split(") ")[1].split(" ");
  const [, memory] = readFileSync(`${process_}/status`, "utf8").match(/VmHWM:\s+(\d+)/);
  return { computing: (Number(times[11]) + Number(times[12])) / 100, memory: Number(memory) / 1000 };
}

async function drop(path) {
  await page.setInputFiles("#hand", path);
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(document.getElementById("hand").files[0]);
    document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  });
}

for (const [k, file] of files.entries()) {
  const [path, threshold] = file.split("=");
  await page.evaluate(() => {
    window.xnet.decision = null;
    document.getElementById("status").className = "";
  });
  const before = cost();
  await drop(path);
  await page.waitForFunction(() => window.xnet.decision || document.querySelector("#status.fault"), null, { timeout: 300_000 });
  const { computing, memory } = cost();
  if (threshold && (await page.isVisible("#result"))) {
    await page.check("#use-threshold");
    await page.fill("#threshold", threshold);
  }
  const answer = await page.evaluate(() => {
    const { decision, radiograph } = window.xnet;
    const status = document.getElementById("status").textContent;
    if (!decision) return { status };
    let labels = "";
    for (let k = 0; k < decision.labels.length; k += 30000) labels += String.fromCharCode(...decision.labels.subarray(k, k + 30000));
    const { shares, confidence } = decision;
    const { rows, columns, polarity, certainty } = radiograph;
    const shown = [0, 1, 2].map((c) => document.getElementById(`share-${c}`).textContent);
    return { status, labels: btoa(labels), shares, confidence, rows, columns, polarity, certainty, shown };
  });
  if (threshold && answer.labels) await page.uncheck("#use-threshold");
  if (answer.labels) writeFileSync(`${out}/${k}.raw`, Buffer.from(answer.labels, "base64"));
  console.log(JSON.stringify({ ...answer, labels: undefined, file: path, computing: computing - before.computing, memory }));
}
await browser.close();
