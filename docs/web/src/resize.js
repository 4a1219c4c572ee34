// Resizing as in xnet_tf/preprocessing.py. A plane is {data, rows, columns}; data by rows.

const fround = Math.fround;

/** Weights of one axis for the mean over areas, as OpenCV's INTER_AREA has them. */
function areas(size, wanted) {
  const scale = size / wanted;
  return Array.from({ length: wanted }, (_, place) => {
    const start = place * scale;
    const end = start + scale;
    const width = Math.min(scale, size - start);
    const last = Math.min(Math.floor(end), size - 1);
    const first = Math.min(Math.ceil(start), last);
    const cells = [];
    if (first - start > 1e-3) cells.push([first - 1, (first - start) / width]);
    for (let k = first; k < last; k++) cells.push([k, 1 / width]);
    if (end - last > 1e-3) cells.push([last, Math.min(Math.min(end - last, 1), width) / width]);
    return cells;
  });
}

/** Weights of one axis for linear interpolation between pixels' centres. */
function neighbours(size, wanted) {
  const scale = size / wanted;
  return Array.from({ length: wanted }, (_, place) => {
    const at = Math.min(Math.max((place + 0.5) * scale - 0.5, 0), size - 1);
    const low = Math.floor(at);
    return [[low, 1 - at + low], [Math.min(low + 1, size - 1), at - low]];
  });
}

/** Weights of one axis for interpolation that, where it shrinks, averages over triangles. */
export function triangles(size, wanted) {
  const scale = size / wanted;
  const half = Math.max(scale, 1);
  return Array.from({ length: wanted }, (_, place) => {
    const centre = (place + 0.5) * scale - 0.5;
    const cells = [];
    for (let k = Math.max(0, Math.ceil(centre - half)); k <= Math.min(size - 1, centre + half); k++)
      cells.push([k, Math.max(1 - Math.abs(centre - k) / half, 0)]);
    const sum = cells.reduce((total, [, weight]) => total + weight, 0);
    return cells.map(([k, weight]) => [k, weight / sum]);
  });
}

/** Weigh rows and columns of a plane of several channels, one after the other. */
export function weigh(plane, across, down, channels = 1) {
  const { data, rows, columns } = plane;
  const narrow = new Float32Array(rows * across.length * channels);
  for (let y = 0, at = 0; y < rows; y++)
    for (const cells of across)
      for (let c = 0; c < channels; c++, at++) {
        let sum = 0;
        for (const [k, weight] of cells) sum += weight * data[(y * columns + k) * channels + c];
        narrow[at] = sum;
      }
  const width = across.length * channels;
  const result = new Float32Array(down.length * width);
  down.forEach((cells, y) => {
    for (const [k, weight] of cells)
      for (let x = 0; x < width; x++) result[y * width + x] += weight * narrow[k * width + x];
  });
  return { data: result, rows: down.length, columns: across.length };
}

/** The mean over areas where a picture shrinks, linearly where it grows. */
export function resizeArea(plane, rows, columns) {
  const smaller = [Math.min(plane.rows, rows), Math.min(plane.columns, columns)];
  if (smaller[0] !== plane.rows || smaller[1] !== plane.columns)
    plane = weigh(plane, areas(plane.columns, smaller[1]), areas(plane.rows, smaller[0]));
  if (smaller[0] !== rows || smaller[1] !== columns)
    plane = weigh(plane, neighbours(plane.columns, columns), neighbours(plane.rows, rows));
  return plane;
}

/** Linear interpolation in float32, bit by bit as `preprocessing.resize_linear`. */
export function resizeLinear({ data, rows, columns }, height, width, channels) {
  const plan = (size, wanted) => {
    const scale = fround(size / wanted);
    return Array.from({ length: wanted }, (_, k) => {
      const place = fround(fround(fround(k + 0.5) * scale) - 0.5);
      const low = Math.floor(place);
      return [Math.max(low, 0), Math.min(Math.ceil(place), size - 1), fround(place - low)];
    });
  };
  const across = plan(columns, width);
  const down = plan(rows, height);
  const narrow = new Float32Array(rows * width * channels);
  for (let y = 0, at = 0; y < rows; y++)
    for (const [low, high, weight] of across)
      for (let c = 0; c < channels; c++, at++) {
        const below = data[(y * columns + low) * channels + c];
        const step = fround(data[(y * columns + high) * channels + c] - below);
        narrow[at] = fround(step * weight) + below;
      }
  const line = width * channels;
  const result = new Float32Array(height * line);
  down.forEach(([low, high, weight], y) => {
    for (let x = 0; x < line; x++) {
      const below = narrow[low * line + x];
      result[y * line + x] = fround(fround(narrow[high * line + x] - below) * weight) + below;
    }
  });
  return result;
}

/** Height and width of a picture whose longer side is brought to a size. */
export function fitted(rows, columns, size) {
  const scale = size / Math.max(rows, columns);
  return [rows, columns].map((side) => Math.max(1, roundHalfEven(side * scale)));
}

/** Python's round. */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}
