// The trade-off of notebook 8 by hand: thresholds.py and its post-processing on shipped probabilities.
import data from "explorer:";

const BONE = 2;
const TISSUE = 1;
const LEVELS = 65535;
const find = (id) => document.getElementById(id);
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const percent = (share) => `${(100 * share).toFixed(1)} %`;

const images = data.images.map((image) => ({
  ...image,
  grey: bytes(image.grey),
  truth: bytes(image.truth),
  probabilities: Float64Array.from(new Uint16Array(bytes(image.probabilities).buffer), (value) => value / LEVELS),
}));

/** Class ids by the threshold, bone then dilated over soft tissue by a square of a side. */
export function decide({ probabilities, rows, columns }, threshold, side) {
  const labels = new Uint8Array(rows * columns);
  for (let k = 0; k < labels.length; k++) {
    const [beam, tissue, bone] = probabilities.subarray(3 * k, 3 * k + 3);
    labels[k] = tissue > threshold ? TISSUE : bone > beam ? BONE : 0;
  }
  if (side < 2) return labels;
  const first = Math.floor(side / 2);
  const grow = (mask, count, step, length, stride) => {
    const grown = new Uint8Array(mask.length);
    for (let line = 0; line < count; line++)
      for (let k = 0; k < length; k++)
        for (let j = Math.max(k - first, 0); j <= Math.min(k - first + side - 1, length - 1); j++)
          grown[line * step + k * stride] |= mask[line * step + j * stride];
    return grown;
  };
  const bone = labels.map((label) => +(label === BONE));
  const grown = grow(grow(bone, rows, columns, columns, 1), columns, 1, rows, columns);
  return labels.map((label, k) => (label === TISSUE && grown[k] ? BONE : label));
}

/** What soft tissue's labels are worth. */
export function score({ truth, probabilities }, labels) {
  let [found, called, total, sure] = [0, 0, 0, 0];
  labels.forEach((label, k) => {
    called += label === TISSUE;
    total += truth[k] === TISSUE;
    found += label === TISSUE && truth[k] === TISSUE;
    sure += probabilities[3 * k + label];
  });
  return { recall: found / total, fdr: (called - found) / Math.max(called, 1), confidence: sure / labels.length };
}

const across = (fdr) => 40 + 250 * Math.min(fdr / 0.5, 1);
const up = (recall) => 205 - 190 * recall;

function drawCurve(image, side) {
  const points = Array.from({ length: 101 }, (_, k) => score(image, decide(image, k / 100, side)));
  const line = points.map(({ fdr, recall }) => `${across(fdr).toFixed(1)},${up(recall).toFixed(1)}`).join(" ");
  const ticks = [0, 0.1, 0.2, 0.3, 0.4, 0.5].map((x) => `<text x="${across(x)}" y="220" text-anchor="middle">${100 * x}</text>`);
  const steps = [0, 0.5, 1].map((y) => `<text x="34" y="${up(y) + 4}" text-anchor="end">${100 * y}</text>`);
  const certified = data.points.map(({ threshold }) => {
    const { fdr, recall } = score(image, decide(image, threshold, 0));
    return `<rect class="certified" x="${across(fdr) - 4}" y="${up(recall) - 4}" width="8" height="8"/>`;
  });
  find("curve").innerHTML = `<path class="axis" d="M40 15V205H290"/>${ticks.join("")}${steps.join("")}
<text x="165" y="236" text-anchor="middle">false discovery rate (%)</text><text x="40" y="10" text-anchor="middle">recall (%)</text>
<polyline class="line" points="${line}"/>${certified.join("")}<circle class="now" r="5" id="now"/>`;
}

let drawn = "";

function update() {
  const image = images[find("image").selectedIndex];
  const [threshold, side] = [Number(find("threshold").value), Number(find("dilation").value)];
  const labels = decide(image, threshold, side);
  const { recall, fdr, confidence } = score(image, labels);
  const colours = { found: [33, 144, 140], missed: [255, 255, 255], wrong: [212, 53, 28] };
  paint("radiograph", image, (k) => [image.grey[k], image.grey[k], image.grey[k]]);
  paint("mask", image, (k) => {
    const [ours, true_] = [labels[k] === TISSUE, image.truth[k] === TISSUE];
    if (ours || true_) return colours[ours && true_ ? "found" : true_ ? "missed" : "wrong"];
    const dim = image.grey[k] / 3;
    return [dim, dim, dim];
  });
  find("threshold-value").textContent = threshold.toFixed(2);
  find("dilation-value").textContent = side;
  find("recall").textContent = percent(recall);
  find("fdr").textContent = percent(fdr);
  find("confidence").textContent = percent(confidence);
  if (drawn !== `${image.name} ${side}`) drawCurve(image, side);
  drawn = `${image.name} ${side}`;
  find("now").setAttribute("cx", across(fdr));
  find("now").setAttribute("cy", up(recall));
  // For tests, and for whoever wants the numbers behind what is shown.
  window.explorer = { name: image.name, threshold, side, recall, fdr, confidence };
}

function paint(id, { rows, columns }, colour) {
  const canvas = find(id);
  Object.assign(canvas, { width: columns, height: rows });
  const picture = new ImageData(columns, rows);
  for (let k = 0; k < rows * columns; k++) picture.data.set([...colour(k), 255], 4 * k);
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

for (const { name } of images) find("image").add(new Option(name));
find("points").textContent = data.points.map(({ target, threshold }) => `${percent(target)} at T = ${threshold.toFixed(2)}`).join(", ");
for (const id of ["image", "threshold", "dilation"]) find(id).oninput = update;
update();
