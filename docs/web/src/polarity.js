// Is the open beam bright or dark? As in xnet_io/polarity.py, with its coefficients.
import coefficients from "../../../xnet_io/polarity.json";
import { resizeArea, roundHalfEven } from "./resize.js";
import { crop } from "./exposure.js";

const THUMBNAIL = 96;
const LARGEST = 5;

/** Natural logarithm of the odds that the open beam is bright. */
export function logOdds(plane) {
  const measured = features(plane);
  let total = 0;
  for (const [name, weight] of Object.entries(coefficients.coefficients)) total += weight * measured[name];
  return Math.min(Math.max(total, -LARGEST), LARGEST);
}

export function features(plane) {
  const whole = thumbnail(plane);
  const views = { whole, trimmed: withoutBands(whole), middle: middle(whole) };
  const measured = {};
  for (const [view, values] of Object.entries(views)) {
    const small = thumbnail(values);
    for (const [name, number] of Object.entries(measure(small, ranksOf(small)))) measured[`${name}, ${view}`] = number;
  }
  return measured;
}

function measure(values, ranks) {
  const measured = { ...position(ranks), ...extremes(values, ranks) };
  for (const distance of [4, 8]) measured[`flat side of edges ${distance}`] = edgeSides(values, distance);
  for (const scale of [1, 2, 4]) Object.assign(measured, structure(ranks, scale));
  return measured;
}

function thumbnail(plane) {
  const factor = THUMBNAIL / Math.max(plane.rows, plane.columns);
  const side = (length) => Math.max(4, roundHalfEven(length * factor));
  const small = resizeArea(plane, side(plane.rows), side(plane.columns));
  const low = small.data.reduce((a, b) => Math.min(a, b));
  const spread = small.data.reduce((a, b) => Math.max(a, b)) - low;
  const data = spread > 0 ? small.data.map((v) => (v - low) / spread) : small.data.map(() => 0.5);
  return { ...small, data };
}

function quantile(values, q) {
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

function longestRun(plane, along) {
  const count = along === "rows" ? plane.rows : plane.columns;
  let best = [0, 0];
  let start = -1;
  for (let line = 0; line <= count; line++) {
    let varies = false;
    if (line < count) {
      const values =
        along === "rows"
          ? plane.data.subarray(line * plane.columns, (line + 1) * plane.columns)
          : Float64Array.from({ length: plane.rows }, (_, y) => plane.data[y * plane.columns + line]);
      varies = quantile(values, 0.95) - quantile(values, 0.05) > 0.1;
    }
    if (varies && start < 0) start = line;
    if (!varies && start >= 0) {
      if (line - start > best[1] - best[0]) best = [start, line];
      start = -1;
    }
  }
  return best[1] - best[0] < THUMBNAIL / 8 ? [0, count] : best;
}

const withoutBands = (plane) => crop(plane, [...longestRun(plane, "rows"), ...longestRun(plane, "columns")]);

function middle(plane) {
  const [top, left] = [Math.floor(plane.rows / 5), Math.floor(plane.columns / 5)];
  return crop(plane, [top, plane.rows - top, left, plane.columns - left]);
}

function ranksOf({ data, rows, columns }) {
  const steps = Int32Array.from(data, (value) => roundHalfEven(Math.fround(value * 1023)));
  const counts = new Float64Array(1024);
  for (const step of steps) counts[step]++;
  const rank = new Float64Array(1024);
  let below = 0;
  for (let k = 0; k < 1024; k++) {
    rank[k] = (below + counts[k] / 2) / data.length - 0.5;
    below += counts[k];
  }
  return { data: Float64Array.from(steps, (step) => rank[step]), rows, columns };
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const ratio = (above, below) => (below > 1e-12 ? above / below : 0);
const share = (first, second) => ratio(first - second, first + second);

function position({ data, rows, columns }) {
  const margin = Math.max(1, Math.floor(Math.min(rows, columns) / 16));
  const inner = Math.floor(Math.min(rows, columns) / 4);
  const [border, centre] = [[], []];
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const value = data[y * columns + x];
      const within = (edge) => y >= edge && y < rows - edge && x >= edge && x < columns - edge;
      if (!within(margin)) border.push(value);
      if (within(inner)) centre.push(value);
    }
  const side = Math.min(2 * margin, rows, columns);
  const corner = (top, left) => mean(crop({ data, rows, columns }, [top, top + side, left, left + side]).data);
  const corners = [0, rows - side].flatMap((top) => [0, columns - side].map((left) => corner(top, left)));
  return {
    "border above centre": mean(border) - mean(centre),
    corners: mean(corners),
    "extreme corners": Math.max(...corners) + Math.min(...corners),
    "extremes on border": border.filter((v) => v > 0.35).length / border.length - border.filter((v) => v < -0.35).length / border.length,
  };
}

function gradient({ data, rows, columns }) {
  const down = new Float64Array(data.length);
  const across = new Float64Array(data.length);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const at = y * columns + x;
      const [above, under] = [Math.max(y - 1, 0), Math.min(y + 1, rows - 1)];
      const [left, right] = [Math.max(x - 1, 0), Math.min(x + 1, columns - 1)];
      down[at] = (data[under * columns + x] - data[above * columns + x]) / (under - above);
      across[at] = (data[y * columns + right] - data[y * columns + left]) / (right - left);
    }
  return [{ data: down, rows, columns }, { data: across, rows, columns }];
}

/** OpenCV's GaussianBlur of a size that fits, the border reflected. */
function blur({ data, rows, columns }, scale) {
  const radius = ((roundHalfEven(scale * 8 + 1) | 1) - 1) / 2;
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, k) => Math.exp(-((k - radius) ** 2) / (2 * scale ** 2)));
  const sum = kernel.reduce((a, b) => a + b);
  const reflect = (place, size) => {
    for (;;) {
      if (place < 0) place = -1 - place;
      else if (place >= size) place = 2 * size - 1 - place;
      else return place;
    }
  };
  const pass = (source, count, step, length, stride) => {
    const result = new Float64Array(source.length);
    for (let line = 0; line < count; line++)
      for (let k = 0; k < length; k++) {
        let total = 0;
        for (let j = -radius; j <= radius; j++)
          total += kernel[j + radius] * source[line * step + reflect(k + j, length) * stride];
        result[line * step + k * stride] = total / sum;
      }
    return result;
  };
  return { data: pass(pass(data, rows, columns, columns, 1), columns, 1, rows, columns), rows, columns };
}

function slopeOf(plane) {
  const [down, across] = gradient(plane);
  return down.data.map((value, k) => Math.hypot(value, across.data[k]));
}

function extremes(values, ranks) {
  const slope = slopeOf(blur(values, 1));
  const flat = quantile(slope, 0.2);
  let [bright, dark] = [0, 0];
  const flattest = [];
  slope.forEach((value, k) => {
    if (value <= flat) flattest.push(ranks.data[k]);
    if (ranks.data[k] > 0.4) bright += value;
    if (ranks.data[k] < -0.4) dark += value;
  });
  const data = Float64Array.from(values.data);
  const centre = mean(data);
  const power = (p) => mean(data.map((value) => (value - centre) ** p));
  return {
    "flat regions": mean(flattest),
    "slope against rank": correlation(slope, ranks.data),
    "slope of extremes": share(dark, bright),
    saturation: data.filter((v) => v > 0.98).length / data.length - data.filter((v) => v < 0.02).length / data.length,
    skewness: ratio(power(3), power(2) ** 1.5),
  };
}

function correlation(first, second) {
  const [a, b] = [mean(first), mean(second)];
  let [product, squares, others] = [0, 0, 0];
  first.forEach((value, k) => {
    product += (value - a) * (second[k] - b);
    squares += (value - a) ** 2;
    others += (second[k] - b) ** 2;
  });
  return ratio(product / first.length, Math.sqrt((squares / first.length) * (others / first.length)));
}

function edgeSides(values, distance) {
  const smooth = blur(values, 1);
  const [down, across] = gradient(smooth);
  const slope = slopeOf(smooth);
  const strong = quantile(slope, 0.85);
  const { rows, columns } = values;
  let [sum, count] = [0, 0];
  slope.forEach((value, k) => {
    if (value <= strong) return;
    const [y, x] = [Math.floor(k / columns), k % columns];
    const length = Math.max(value, 1e-9);
    const at = (way) => {
      const clip = (place, size) => Math.min(Math.max(roundHalfEven(place), 0), size - 1);
      const row = clip(y + (way * down.data[k] * distance) / length, rows);
      return slope[row * columns + clip(x + (way * across.data[k] * distance) / length, columns)];
    };
    sum += Math.log((at(-1) / length + 0.02) / (at(1) / length + 0.02));
    count++;
  });
  return count ? sum / count : 0;
}

function structure(ranks, scale) {
  const smooth = blur(ranks, scale);
  const wider = blur(ranks, 1.6 * scale);
  const detail = smooth.data.map((value, k) => value - wider.data[k]);
  const [down, across] = gradient(smooth);
  const slope = slopeOf(smooth);
  const unit = (part) => ({ ...part, data: part.data.map((v, k) => (slope[k] > 1e-6 ? v / slope[k] : 0)) });
  const bendDown = gradient(unit(down))[0].data;
  const bendAcross = gradient(unit(across))[1].data;
  const [downDown, downAcross] = gradient(down);
  const acrossAcross = gradient(across)[1];
  const lines = downDown.data.map((value, k) => {
    const middle = (value + acrossAcross.data[k]) / 2;
    const root = Math.sqrt(((value - acrossAcross.data[k]) / 2) ** 2 + downAcross.data[k] ** 2);
    return middle + (middle >= 0 ? root : -root);
  });
  const disc = ellipse(roundHalfEven(1.5 * scale));
  const opened = extreme(extreme(ranks, disc, Math.min), disc, Math.max).data;
  const closed = extreme(extreme(ranks, disc, Math.max), disc, Math.min).data;
  const bright = mean(ranks.data.map((value, k) => value - opened[k]));
  const dark = mean(ranks.data.map((value, k) => closed[k] - value));
  return {
    [`thin and dark ${scale}`]: share(dark, bright),
    [`detail skewness ${scale}`]: ratio(mean(detail.map((v) => v ** 3)), mean(detail.map((v) => v * v)) ** 1.5),
    [`bend ${scale}`]: ratio(mean(slope.map((v, k) => v * (bendDown[k] + bendAcross[k]))), mean(slope)) * scale,
    [`lines ${scale}`]: ratio(mean(lines.map((v) => v * Math.abs(v))), mean(lines.map((v) => v * v))),
  };
}

/** OpenCV's elliptic structuring element, as half widths of its rows. */
function ellipse(radius) {
  return Array.from({ length: 2 * radius + 1 }, (_, k) => {
    const dy = k - radius;
    return [dy, roundHalfEven(radius * Math.sqrt((radius ** 2 - dy ** 2) / radius ** 2))];
  });
}

function extreme({ data, rows, columns }, disc, choose) {
  const result = new Float64Array(data.length);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      let best = data[y * columns + x];
      for (const [dy, half] of disc) {
        if (y + dy < 0 || y + dy >= rows) continue;
        for (let k = Math.max(x - half, 0); k <= Math.min(x + half, columns - 1); k++)
          best = choose(best, data[(y + dy) * columns + k]);
      }
      result[y * columns + x] = best;
    }
  return { data: result, rows, columns };
}
