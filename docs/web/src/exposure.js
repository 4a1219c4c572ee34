// Which part of a picture is X-ray, as in xnet_io/exposure.py.

const BLOCK = 8;
const BLUR = 0.03;
const EDGE_SHARE = 1 / 3;
const SMALLEST_SIDE = 16;

/** Rows and columns: [top, bottom, left, right], the ends excluded. */
const region = ({ rows, columns }, cuts) => [cuts[0], rows - cuts[1], cuts[2], columns - cuts[3]];

export function crop({ data, columns }, [top, bottom, left, right]) {
  const inner = new data.constructor((bottom - top) * (right - left));
  for (let y = top; y < bottom; y++)
    inner.set(data.subarray(y * columns + left, y * columns + right), (y - top) * (right - left));
  return { data: inner, rows: bottom - top, columns: right - left };
}

/** Lines seen from one side, as {count, length, value(line, place)}. */
function sides({ data, columns }, [top, bottom, left, right]) {
  const [rows, width] = [bottom - top, right - left];
  const at = (y, x) => data[(top + y) * columns + left + x];
  return [
    { count: rows, length: width, value: (line, k) => at(line, k) },
    { count: rows, length: width, value: (line, k) => at(rows - 1 - line, k) },
    { count: width, length: rows, value: (line, k) => at(k, line) },
    { count: width, length: rows, value: (line, k) => at(k, width - 1 - line) },
  ];
}

function tooLittle(plane, cuts) {
  const [top, bottom, left, right] = region(plane, cuts);
  const size = Math.max(0, bottom - top) * Math.max(0, right - left);
  return Math.min(bottom - top, right - left) < SMALLEST_SIDE || size < 0.1 * plane.data.length;
}

function uniform(lines) {
  const level = lines.value(0, 0);
  for (let line = 0; line < lines.count; line++)
    for (let k = 0; k < lines.length; k++) if (lines.value(line, k) !== level) return line;
  return 0;
}

function margin(lines, range) {
  const count = uniform(lines);
  if (!count) return 0;
  const level = lines.value(0, 0);
  const share = (line, least) => {
    let beyond = 0;
    for (let k = 0; k < lines.length; k++) beyond += Math.abs(lines.value(line, k) - level) > least;
    return beyond / lines.length;
  };
  for (let line = count; line < Math.min(count + BLOCK, lines.count); line++)
    if (share(line, BLUR * range) >= EDGE_SHARE) return line;
  return share(count, 0) >= EDGE_SHARE ? count : 0;
}

function cutsOf(plane, count) {
  let cuts = [0, 0, 0, 0];
  for (let more = [1, 1, 1, 1]; more.some(Boolean); ) {
    if (tooLittle(plane, cuts)) return [0, 0, 0, 0];
    const inner = region(plane, cuts);
    more = count(sides(plane, inner), inner);
    cuts = cuts.map((cut, side) => cut + more[side]);
  }
  return cuts;
}

function rangeOf({ data, columns }, [top, bottom, left, right]) {
  let [low, high] = [Infinity, -Infinity];
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) {
      const value = data[y * columns + x];
      if (value < low) low = value;
      if (value > high) high = value;
    }
  return high - low;
}

/** The picture within uniform margins. */
export function find(plane) {
  const cuts = cutsOf(plane, (four, inner) => {
    const counts = four.map(uniform);
    if (!counts.some(Boolean)) return counts;
    const range = rangeOf(plane, inner);
    return four.map((lines) => margin(lines, range));
  });
  const widest = Math.max(...cuts);
  if (widest)
    sides(plane, region(plane, cuts)).forEach((lines, side) => {
      if (!cuts[side] && lines.value(0, 0) === plane.data[0]) cuts[side] = Math.min(uniform(lines), widest);
    });
  return region(plane, tooLittle(plane, cuts) ? [0, 0, 0, 0] : cuts);
}

/** Rows and columns of one value, unlike their neighbours, replaced by the nearest others. */
export function withoutDeadLines(plane) {
  if (Math.min(plane.rows, plane.columns) < SMALLEST_SIDE) return plane;
  let { data } = plane;
  const { rows, columns } = plane;
  for (const [count, length, step, stride] of [[rows, columns, columns, 1], [columns, rows, 1, columns]]) {
    const good = [];
    const dead = [];
    for (let line = 0; line < count; line++) {
      let k = 1;
      while (k < length && data[line * step + k * stride] === data[line * step]) k++;
      (k === length ? dead : good).push(line);
    }
    if (!dead.length || dead.length > Math.max(1, 0.05 * count)) continue;
    const before = data;
    for (const line of dead) {
      const nearest = good.reduce((best, other) => (Math.abs(other - line) < Math.abs(best - line) ? other : best));
      let unlike = 0;
      for (let k = 0; k < length; k++)
        unlike += before[line * step + k * stride] !== before[nearest * step + k * stride];
      if (unlike / length <= 1 - EDGE_SHARE) continue;
      if (data === before) data = before.slice();
      for (let k = 0; k < length; k++)
        data[line * step + k * stride] = before[nearest * step + k * stride];
    }
  }
  return { data, rows, columns };
}

/** Every so manieth pixel, so that some millions are left. */
export function sample({ data, rows, columns }, side) {
  const [down, across] = [1 + Math.floor(rows / side), 1 + Math.floor(columns / side)];
  const kept = new data.constructor(Math.ceil(rows / down) * Math.ceil(columns / across));
  for (let y = 0, at = 0; y < rows; y += down)
    for (let x = 0; x < columns; x += across) kept[at++] = data[y * columns + x];
  return kept;
}

/** A lone value far beyond all others brought to the next one. */
export function withoutBoxes(plane, side = 1024) {
  const sorted = sample(plane, side).sort();
  const levels = [];
  const counts = [];
  for (const value of sorted) {
    if (levels.length && levels[levels.length - 1] === value) counts[counts.length - 1]++;
    else levels.push(value), counts.push(1);
  }
  const most = 0.2 * sorted.length;
  let [first, last] = [0, levels.length - 1];
  while (last - first + 1 >= 16) {
    const gap = 0.5 * (levels[last] - levels[first]);
    if (levels[first + 1] - levels[first] > gap && counts[first] <= most) first++;
    else if (levels[last] - levels[last - 1] > gap && counts[last] <= most) last--;
    else break;
  }
  if (first === 0 && last === levels.length - 1) return plane;
  const [low, high] = [levels[first], levels[last]];
  return { ...plane, data: plane.data.map((value) => Math.min(Math.max(value, low), high)) };
}
