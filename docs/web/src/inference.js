// The network's views of a picture and what is made of them: xnet_tf/inference.py and thresholds.py.
import { crop } from "./exposure.js";
import { fitted, resizeArea, resizeLinear, roundHalfEven, triangles, weigh } from "./resize.js";

export const WORKING_SIZE = 200;
const DIVISOR = 8;
const LONGEST = 2;
const MOST_TILES = 40;
const SIZES = [0.64, 0.8, 1, 1.24];
const SURENESS = 32;
const UPRIGHT = 0.02;
const view = (size = 1, turns = 0, mirrored = false, gamma = false) => ({ size, turns, mirrored, gamma });

const QUARTERS = [0, 1, 2, 3].map((turns) => view(1, turns));
const further = (turns) =>
  SIZES.flatMap((size, k) => [0, 1].map((mirrored) => view(size, turns, !!mirrored, (k + mirrored) % 2 === 1)))
    .filter((v) => v.size !== 1 || v.mirrored || v.gamma);

/** Square root, mean 0, largest magnitude 1: `preprocessing.prepare`. */
export function prepare(image) {
  const data = image.map(Math.sqrt);
  const low = data.reduce((a, b) => Math.min(a, b), Infinity);
  for (let k = 0; k < data.length; k++) data[k] -= low;
  const mean = Math.fround(data.reduce((a, b) => a + b, 0) / data.length);
  for (let k = 0; k < data.length; k++) data[k] -= mean;
  const largest = data.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-30);
  return data.map((value) => Math.min(Math.max(value / largest, -1), 1));
}

/** Bring the grey scale to one between linear and logarithmic: `preprocessing.normalise_gamma`. */
export function normaliseGamma(image) {
  const values = image.map((value) => Math.min(Math.max(value, 0), 1));
  const lit = values.filter((value) => value > Math.fround(0.02));
  if (!lit.length) return values.map((value) => (value > 0 ? value : 0));
  let [low, high] = [0, 1];
  for (let k = 0; k < 20; k++) {
    const middle = (low + high) / 2;
    const count = lit.reduce((sum, value) => sum + (value <= middle), 0);
    if (count >= 0.1 * lit.length) high = middle;
    else low = middle;
  }
  const exponent = Math.min(Math.log(0.15) / Math.log(Math.min(high, 1 - 1e-6)), 3);
  return values.map((value) => (value > 0 ? value ** exponent : 0));
}

/** Turn a plane of several channels by quarters, counterclockwise. */
function turned({ data, rows, columns }, turns, channels) {
  let plane = { data, rows, columns };
  for (let k = 0; k < (turns + 4) % 4; k++) {
    const { data: old, rows: height, columns: width } = plane;
    const now = new Float32Array(old.length);
    for (let y = 0; y < width; y++)
      for (let x = 0; x < height; x++)
        for (let c = 0; c < channels; c++)
          now[(y * height + x) * channels + c] = old[(x * width + width - 1 - y) * channels + c];
    plane = { data: now, rows: width, columns: height };
  }
  return plane;
}

function mirrored({ data, rows, columns }, channels) {
  const now = new Float32Array(data.length);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let c = 0; c < channels; c++)
        now[(y * columns + x) * channels + c] = data[(y * columns + columns - 1 - x) * channels + c];
  return { data: now, rows, columns };
}

/** Fill up by reflection, the border repeated, to sizes that can be halved three times. */
function padded({ data, rows, columns }) {
  const [height, width] = [rows, columns].map((side) => Math.ceil(side / DIVISOR) * DIVISOR);
  const reflect = (place, size) => {
    const cycle = place % (2 * size);
    return cycle < size ? cycle : 2 * size - 1 - cycle;
  };
  const now = new Float32Array(height * width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) now[y * width + x] = data[reflect(y, rows) * columns + reflect(x, columns)];
  return { data: now, rows: height, columns: width };
}

async function look(network, small, { size, turns, mirrored: mirror, gamma }) {
  const [rows, columns] = [small.rows, small.columns].map((side) => Math.max(1, roundHalfEven(size * side)));
  let plane = rows === small.rows && columns === small.columns ? small : resizeArea(small, rows, columns);
  if (gamma) plane = { ...plane, data: normaliseGamma(plane.data) };
  plane = turned(padded({ ...plane, data: prepare(plane.data) }), turns, 1);
  if (mirror) plane = mirrored(plane, 1);
  const { data, classes } = await network(plane);
  let answer = { data, rows: plane.rows, columns: plane.columns };
  if (mirror) answer = mirrored(answer, classes);
  answer = turned(answer, -turns, classes);
  const cut = new Float32Array(rows * columns * classes);
  for (let y = 0; y < rows; y++)
    cut.set(answer.data.subarray(y * answer.columns * classes, (y * answer.columns + columns) * classes), y * columns * classes);
  if (rows === small.rows && columns === small.columns) return { data: cut, classes };
  const across = triangles(columns, small.columns);
  return { data: weigh({ data: cut, rows, columns }, across, triangles(rows, small.rows), classes).data, classes };
}

function entropy({ data, classes }) {
  let sum = 0;
  for (const p of data) if (p > 0) sum -= p * Math.log(p);
  return (sum / data.length) * classes;
}

/** Probabilities of a part of a radiograph, at its own size. */
async function whole(network, part, quality, progress) {
  const small = resizeArea(part, ...fitted(part.rows, part.columns, WORKING_SIZE));
  const answers = [];
  const see = async (views) => {
    for (const one of views) {
      answers.push(await look(network, small, one));
      await progress(answers.length / 11);
    }
  };
  if (quality === "normal") await see([view()]);
  else {
    await see(QUARTERS);
    const doubts = answers.map((answer, k) => entropy(answer) + (k ? UPRIGHT : 0));
    await see(further(doubts.indexOf(Math.min(...doubts))));
  }
  const { classes } = answers[0];
  const weights = answers.map((answer) => (answers.length > 1 ? Math.exp(-SURENESS * entropy(answer)) : 1));
  const sum = weights.reduce((a, b) => a + b);
  const data = new Float32Array(answers[0].data.length);
  answers.forEach((answer, k) => answer.data.forEach((p, at) => (data[at] += (weights[k] / sum) * p)));
  const probabilities = resizeLinear({ data, rows: small.rows, columns: small.columns }, part.rows, part.columns, classes);
  return { probabilities, classes };
}

/** Longer side of what the network is shown at a time: `tiles.shown_length`. */
function shownLength(rows, columns) {
  const [longer, shorter] = [Math.max(rows, columns), Math.min(rows, columns)];
  if (longer <= LONGEST * shorter) return longer;
  return Math.max(Math.floor((5 * shorter) / 4), Math.ceil((2 * longer) / MOST_TILES));
}

/**
 * Probabilities of a radiograph's exposed part, at its own size; of a long one in tiles: xnet_io/tiles.py.
 * @param network from a plane to {data, classes}.
 * @param quality "normal", one view, or "high", eleven.
 * @param progress called with the share of the views that are done.
 */
export async function segment(network, radiograph, quality = "normal", progress = () => {}) {
  const part = crop({ data: radiograph.image, rows: radiograph.rows, columns: radiograph.columns }, radiograph.exposed);
  const { rows, columns } = part;
  const tile = shownLength(rows, columns);
  const [tall, length] = [rows >= columns, Math.max(rows, columns)];
  if (tile === length) return whole(network, part, quality, progress);
  const count = 1 + Math.ceil((2 * (length - tile)) / tile);
  const weights = new Float32Array(length);
  let [total, classes] = [null, 0];
  for (let number = 0; number < count; number++) {
    const start = Math.floor((number * (length - tile)) / (count - 1));
    const box = tall ? [start, start + tile, 0, columns] : [0, rows, start, start + tile];
    const answer = await whole(network, crop(part, box), quality, (share) => progress((number + share) / count));
    classes = answer.classes;
    total ??= new Float32Array(rows * columns * classes);
    const fading = Float32Array.from({ length: tile }, (_, k) => Math.min(k + 0.5, tile - k - 0.5));
    fading.forEach((weight, k) => (weights[start + k] += weight));
    for (let y = box[0], from = 0; y < box[1]; y++)
      for (let x = box[2]; x < box[3]; x++) {
        const weight = fading[(tall ? y : x) - start];
        for (let c = 0, to = (y * columns + x) * classes; c < classes; c++) total[to++] += weight * answer.probabilities[from++];
      }
  }
  for (let k = 0; k < total.length; k++) {
    const pixel = Math.floor(k / classes);
    total[k] /= weights[tall ? Math.floor(pixel / columns) : pixel % columns];
  }
  return { probabilities: total, classes };
}

/**
 * Decide upon every pixel, and sum up: `thresholds.decide` and the columns of segment.csv.
 * @param threshold of soft tissue (class 1) in [0, 1], or null for the likeliest class.
 * @returns {labels of the whole picture, shares of its pixels, confidence over the exposed part}
 */
export function decide({ probabilities, classes }, { rows, columns, exposed }, threshold) {
  const [top, bottom, left, right] = exposed;
  const labels = new Uint8Array(rows * columns);
  let sure = 0;
  for (let y = top, at = 0; y < bottom; y++)
    for (let x = left; x < right; x++, at += classes) {
      let label = 0;
      if (threshold !== null && probabilities[at + 1] > threshold) label = 1;
      else
        for (let k = 1; k < classes; k++)
          if ((threshold === null || k !== 1) && probabilities[at + k] > probabilities[at + label]) label = k;
      labels[y * columns + x] = label;
      sure += probabilities[at + label];
    }
  const counts = new Array(classes).fill(0);
  for (const label of labels) counts[label]++;
  const shares = counts.map((count) => count / labels.length);
  return { labels, shares, confidence: sure / ((bottom - top) * (right - left)) };
}
