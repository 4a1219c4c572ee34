// Letters burnt into a picture are filled from beside them: xnet_io/exposure.py, `without_writing`.
import { crop } from "./exposure.js";
import { roundHalfEven } from "./resize.js";

const STROKE = 0.01;
const STROKE_HEIGHT = 0.85;
const FEWEST_STROKES = 0.5;
const GROUND = 0.1;
const LEAST_GROUND = 0.3;
const BLOCK = 8;
const BLUR = 0.03;
const MOST_UNLIKE = 0.05;

/** OpenCV's dilation (most) or erosion of bytes by a square; what is outside does not count. */
function slide({ data, rows, columns }, side, most) {
  const [pick, none] = most ? [Math.max, 0] : [Math.min, 255];
  const first = Math.floor(side / 2);
  const pass = (source, count, step, length, stride) => {
    const result = new Uint8Array(source.length);
    const line = new Uint8Array(length + side - 1);
    for (let at = 0; at < count; at++) {
      line.fill(none);
      for (let k = 0; k < length; k++) line[first + k] = source[at * step + k * stride];
      // Windows of twice the length are made of two, and the last of two that overlap.
      let span = 1;
      for (; 2 * span <= side; span *= 2)
        for (let k = 0; k + span < line.length; k++) line[k] = pick(line[k], line[k + span]);
      for (let k = 0; k < length; k++) result[at * step + k * stride] = pick(line[k], line[k + side - span]);
    }
    return result;
  };
  return { data: pass(pass(data, rows, columns, columns, 1), columns, 1, rows, columns), rows, columns };
}

/** Boxes [top, bottom, left, right] around what hangs together, corners too, in reading order. */
function boxesOf({ data, rows, columns }) {
  const left = data.slice();
  const boxes = [];
  for (let start = 0; start < left.length; start++) {
    if (!left[start]) continue;
    const box = [rows, 0, columns, 0];
    const open = [start];
    left[start] = 0;
    while (open.length) {
      const at = open.pop();
      const [y, x] = [Math.floor(at / columns), at % columns];
      box[0] = Math.min(box[0], y);
      box[1] = Math.max(box[1], y + 1);
      box[2] = Math.min(box[2], x);
      box[3] = Math.max(box[3], x + 1);
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, rows - 1); v++)
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, columns - 1); u++)
          if (left[v * columns + u]) {
            left[v * columns + u] = 0;
            open.push(v * columns + u);
          }
    }
    boxes.push(box);
  }
  return boxes;
}

/** The grey value between the letters of a box, or null if too little of the box has it. */
function groundOf(plane, box) {
  const sorted = crop(plane, box).data.sort();
  const place = (sorted.length - 1) * GROUND;
  const low = Math.floor(place);
  const ground = Math.fround(sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (place - low));
  const alike = sorted.filter((value) => Math.abs(Math.fround(value - ground)) <= Math.fround(BLUR)).length;
  return alike / sorted.length >= LEAST_GROUND ? ground : null;
}

/** Widen a line of letters to the edges of its ground, where there are any within its height. */
function withGround({ data, rows, columns }, [top, bottom, left, right], ground) {
  const reach = Math.min(bottom - top, right - left);
  const count = (available, length, value) => {
    for (let line = 0; line < Math.min(reach, available); line++) {
      let unlike = 0;
      for (let k = 0; k < length; k++) unlike += Math.abs(Math.fround(value(line, k) - ground)) > Math.fround(BLUR);
      if (unlike / length > MOST_UNLIKE) return line;
    }
    return 0;
  };
  const at = (y, x) => data[y * columns + x];
  const first = left - count(left, bottom - top, (line, k) => at(top + k, left - 1 - line));
  const last = right + count(columns - right, bottom - top, (line, k) => at(top + k, right + line));
  const high = top - count(top, last - first, (line, k) => at(top - 1 - line, first + k));
  const deep = bottom + count(rows - bottom, last - first, (line, k) => at(bottom + line, first + k));
  return [Math.max(0, high - BLOCK), deep + BLOCK, Math.max(0, first - BLOCK), last + BLOCK];
}

/** Interpolate a box linearly across its shorter side, in place. */
function fill({ data, rows, columns }, [top, bottom, left, right]) {
  const [height, width] = [Math.min(bottom, rows) - top, Math.min(right, columns) - left];
  const upright = height <= width;
  const [count, length] = upright ? [height, width] : [width, height];
  const at = (line, k) => (upright ? (top + line) * columns + left + k : (top + k) * columns + left + line);
  const [start, end, size] = upright ? [top, bottom, rows] : [left, right, columns];
  const beside = [start - 1, end].filter((line) => line >= 0 && line < size).map((line) => line - start);
  if (!beside.length) return;
  const ends = [beside[0], beside.at(-1)].map((line) => Float32Array.from({ length }, (_, k) => data[at(line, k)]));
  for (let line = 0; line < count; line++) {
    const weight = Math.fround(count > 1 ? line / (count - 1) : 0);
    for (let k = 0; k < length; k++)
      data[at(line, k)] = Math.fround(Math.fround(1 - weight) * ends[0][k]) + Math.fround(weight * ends[1][k]);
  }
}

/** The same plane, float32 in [0, 1] with a bright open beam, if it has no letters burnt in. */
export function withoutWriting(plane) {
  const { rows, columns } = plane;
  const longer = Math.max(rows, columns);
  const side = Math.max(3, roundHalfEven(STROKE * longer)) | 1;
  const bytes = { data: Uint8Array.from(plane.data, (value) => Math.fround(255 * value)), rows, columns };
  const opened = slide(slide(bytes, side, false), side, true).data;
  const data = bytes.data.map((value, k) => +(value - opened[k] > 255 * STROKE_HEIGHT));
  if (data.reduce((sum, value) => sum + value, 0) <= FEWEST_STROKES * longer) return plane;
  const closed = slide(slide({ data, rows, columns }, 4 * side, true), 4 * side, false);
  let filled = plane;
  for (const letters of boxesOf(slide(closed, BLOCK, true))) {
    const ground = groundOf(filled, letters);
    if (ground === null) continue;
    if (filled === plane) filled = { data: plane.data.slice(), rows, columns };
    fill(filled, withGround(filled, letters, ground));
  }
  return filled;
}
