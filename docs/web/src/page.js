// The page: a radiograph in, a mask over it, what it says in numbers.
import { encode } from "fast-png";
import classes from "palette:";
import examples from "examples:";
import { decode } from "./decode.js";
import { decide, segment } from "./inference.js";
import { loadNetwork } from "./network.js";
import { Fault, interpret } from "./radiograph.js";

const MAX_BYTES = 5e8;
const find = (id) => document.getElementById(id);
const state = { shown: null, radiograph: null, found: null, decision: null, name: "" };
const breathe = () => new Promise((done) => setTimeout(done));
const percent = (share) => `${(100 * share).toFixed(1)} %`;
let network;
let latest = 0;

function say(text, fault = false) {
  find("status").textContent = text;
  find("status").className = fault ? "fault" : "";
}

/** @param read gives the file's bytes. */
async function open(name, read) {
  const turn = ++latest;
  say(`Reading ${name} ...`);
  await breathe();
  try {
    const shown = await decode(await read());
    if (turn !== latest) return;
    Object.assign(state, { shown, name });
    await look(turn);
  } catch (error) {
    if (turn !== latest) return;
    find("result").hidden = true;
    if (!(error instanceof Fault)) console.warn(error);
    say(`${name}: ${error.message}`, true);
  }
}

async function look(turn = ++latest) {
  if (!state.shown) return;
  say("Looking ...");
  await breathe();
  const started = performance.now();
  state.radiograph = interpret(state.shown, find("polarity").value);
  network ??= loadNetwork();
  const quality = find("high").checked ? "high" : "normal";
  const apply = await network;
  const found = await segment(apply, state.radiograph, quality, async (share) => {
    if (quality === "high") say(`Looking ... ${Math.round(100 * share)} %`);
    await breathe();
  });
  if (turn !== latest) return;
  state.found = found;
  const { polarity, certainty, rows, columns, written } = state.radiograph;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(`${state.name}: ${columns} x ${rows} pixels; open beam ${polarity} (${Math.round(100 * certainty)} % certain); ${seconds} s${written ? "; letters burnt in were filled, look at the mask there" : ""}`);
  find("result").hidden = false;
  drawRadiograph();
  update();
}

function drawRadiograph() {
  const { image, rows, columns } = state.radiograph;
  const canvas = find("radiograph");
  Object.assign(canvas, { width: columns, height: rows });
  canvas.parentElement.style.setProperty("--aspect", columns / rows);
  const picture = new ImageData(columns, rows);
  image.forEach((value, k) => picture.data.set([255 * value, 255 * value, 255 * value, 255], 4 * k));
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

function update() {
  if (!state.found) return;
  const chosen = find("use-threshold").checked;
  const threshold = chosen ? Number(find("threshold").value) : null;
  find("threshold").disabled = !chosen;
  find("threshold-value").textContent = Number(find("threshold").value).toFixed(2);
  state.decision = decide(state.found, state.radiograph, threshold);
  const { labels, shares, confidence } = state.decision;
  const { rows, columns } = state.radiograph;
  const canvas = find("mask");
  Object.assign(canvas, { width: columns, height: rows });
  const picture = new ImageData(columns, rows);
  labels.forEach((label, k) => picture.data.set([...classes[label].colour, 255], 4 * k));
  canvas.getContext("2d").putImageData(picture, 0, 0);
  shares.forEach((share, k) => (find(`share-${k}`).textContent = percent(share)));
  find("confidence").textContent = percent(confidence);
  canvas.setAttribute("aria-label", `Mask: ${shares.map((share, k) => `${classes[k].name} ${percent(share)}`).join(", ")}`);
}

function save() {
  const { rows, columns } = state.radiograph;
  const palette = classes.map(({ colour }) => colour);
  const png = encode({ width: columns, height: rows, data: state.decision.labels, depth: 8, channels: 1, palette });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([png], { type: "image/png" }));
  link.download = `${state.name.replace(/\.[a-z]+$/i, "")}_mask.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function take(files) {
  const [file] = files;
  if (!file) return;
  await open(file.name, async () => {
    if (file.size > MAX_BYTES) throw new Fault(`is too large: ${Math.round(file.size / 1e6)} MB`);
    // A folder has a name, too.
    const bytes = await file.arrayBuffer().catch(() => { throw new Fault("cannot be read; drop a file"); });
    return new Uint8Array(bytes);
  });
}

function start() {
  for (const [k, { name, colour }] of classes.entries()) {
    const row = find("shares").insertRow();
    row.innerHTML = `<th scope="row"><i style="background: rgb(${colour})"></i>${name}</th><td id="share-${k}"></td>`;
  }
  for (const { name, png, alt } of examples) {
    const button = document.createElement("button");
    const picture = new Image(72, 72);
    picture.src = URL.createObjectURL(new Blob([png], { type: "image/png" }));
    picture.alt = alt;
    button.append(picture);
    button.onclick = () => open(name, () => png);
    find("examples").append(button);
  }
  find("file").onchange = (event) => take(event.target.files);
  for (const id of ["polarity", "high"]) find(id).onchange = () => look();
  for (const id of ["threshold", "use-threshold"]) find(id).oninput = update;
  find("opacity").oninput = (event) => (find("mask").style.opacity = event.target.value);
  find("save").onclick = save;
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  // As a file of its own it has no neighbours.
  find("about").hidden = location.protocol === "file:";
  // For tests, and for whoever wants the numbers behind what is shown.
  window.xnet = state;
  // Start while the visitor reads.
  setTimeout(() => (network ??= loadNetwork()), 300);
}

start();
