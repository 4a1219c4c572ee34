// From a picture as a viewer shows it to a radiograph: xnet_io/radiographs.py and preprocessing.py.
import { crop, find, sample, withoutBoxes, withoutDeadLines } from "./exposure.js";
import { logOdds } from "./polarity.js";
import { withoutWriting } from "./writing.js";

/** A fault of a file, in one line that the page shows. */
export class Fault extends Error {}

/** Grey values brought to [0, 1], 0.01 % of the pixels clipped at either end. */
export function stretch(plane) {
  const exact = plane.data.BYTES_PER_ELEMENT <= (plane.data instanceof Float32Array ? 4 : 2);
  const data = exact ? Float32Array.from(plane.data) : Float64Array.from(plane.data);
  if (data.some((value) => !(Math.abs(value) < 1e30))) throw new Fault("has pixels that are no numbers");
  const sorted = sample({ ...plane, data }, 2048).sort();
  let low = sorted[Math.floor((sorted.length - 1) * 0.0001)];
  let high = sorted[Math.ceil((sorted.length - 1) * 0.9999)];
  if (!(low < high)) [low, high] = range(data);
  if (!(low < high)) return { ...plane, data: new Float32Array(data.length).fill(0.5) };
  const spread = new data.constructor([high - low])[0];
  for (let k = 0; k < data.length; k++) {
    data[k] = Math.min(Math.max(data[k], low), high) - low;
    data[k] /= spread;
  }
  return { ...plane, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

function range(data) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/**
 * Settle grey scale and polarity.
 * @param shown {data, rows, columns, prior}: black low; prior is the log odds of a bright open beam from tags.
 * @param polarity "auto", "bright" or "dark".
 * @returns {image: Float32Array in [0, 1] with a bright open beam, rows, columns, exposed, polarity, certainty,
 *   written: whether letters burnt in were filled}
 */
export function interpret(shown, polarity = "auto") {
  const exposed = find(shown);
  const inner = withoutBoxes(withoutDeadLines(crop(shown, exposed)));
  const stretched = stretch(inner);
  const [top, bottom, left, right] = exposed;
  const put = (part) => {
    for (let y = top; y < bottom; y++)
      image.set(part.subarray((y - top) * (right - left), (y - top + 1) * (right - left)), y * shown.columns + left);
  };
  let image = stretched.data;
  if (image.length !== shown.data.length) {
    const [low, high] = range(inner.data);
    image = Float32Array.from(shown.data, (value) => (Math.min(Math.max(value, low), high) - low) / (high - low || 1));
    put(stretched.data);
  }
  let taken = polarity;
  let certainty = 1;
  if (polarity === "auto") {
    const odds = Number.isFinite(shown.prior) ? shown.prior + logOdds(stretched) : shown.prior;
    taken = odds >= 0 ? "bright" : "dark";
    certainty = 1 / (1 + Math.exp(-Math.abs(odds)));
  }
  if (taken === "dark") image = image.map((value) => 1 - value);
  const part = crop({ data: image, rows: shown.rows, columns: shown.columns }, exposed);
  const mended = withoutWriting(part);
  if (mended !== part) put(stretch(mended).data);
  const written = mended !== part;
  return { image, rows: shown.rows, columns: shown.columns, exposed, polarity: taken, certainty, written };
}
