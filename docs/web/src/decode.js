// Files to pictures as a viewer shows them: PNG, JPEG, BMP, TIFF, DICOM, told apart by content.
import { decode as decodePng, hasPngSignature } from "fast-png";
import { decode as decodeTiff } from "tiff";
import { readDicom } from "./dicom.js";
import { Fault } from "./radiograph.js";

const MAX_PIXELS = 64e6;

/** @returns {data, rows, columns, prior} of a file's bytes. */
export async function decode(bytes) {
  const kind = identify(bytes);
  try {
    if (kind === "DICOM") return await readDicom(bytes, decodeWithBrowser);
    const picture = await { PNG: png, TIFF: tiff, JPEG: jpeg, BMP: bmp }[kind](bytes);
    return { ...grey(picture), prior: 0 };
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(`is a damaged ${kind} file, or of a kind that is not read here (${error.message ?? error})`);
  }
}

function identify(bytes) {
  const starts = (...values) => values.every((value, k) => bytes[k] === value);
  if (!bytes.length) throw new Fault("is empty");
  if (String.fromCharCode(...bytes.subarray(128, 132)) === "DICM") return "DICOM";
  if (hasPngSignature(bytes)) return "PNG";
  if (starts(0xff, 0xd8, 0xff)) return "JPEG";
  if (starts(0x42, 0x4d)) return "BMP";
  if (starts(0x49, 0x49, 42, 0) || starts(0x4d, 0x4d, 0, 42)) return "TIFF";
  if (starts(8, 0) || starts(2, 0)) return "DICOM";
  throw new Fault("is not PNG, JPEG, BMP, TIFF or DICOM");
}

export function checkSize(rows, columns) {
  if (!(rows * columns > 0)) throw new Fault("has no pixels");
  if (rows * columns > MAX_PIXELS) throw new Fault(`is too large: ${columns} x ${rows} pixels`);
}

function png(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  checkSize(view.getUint32(20), view.getUint32(16));
  const { width, height, data, depth, channels, palette } = decodePng(bytes);
  const full = 2 ** depth - 1;
  if (palette) {
    const size = palette[0].length;
    const indices = unpack(data, width, height, depth);
    const looked = new Uint8Array(width * height * size);
    indices.forEach((index, k) => looked.set(palette[index], k * size));
    return { data: looked, rows: height, columns: width, channels: size, full: 255 };
  }
  const values = depth < 8 ? unpack(data, width, height, depth) : data;
  return { data: values, rows: height, columns: width, channels, full };
}

/** Pixels of fewer than eight bits, one byte each. */
function unpack(data, width, height, depth) {
  if (depth >= 8 || data.length === width * height) return data;
  const line = Math.ceil((width * depth) / 8);
  return Uint8Array.from({ length: width * height }, (_, k) => {
    const bit = (k % width) * depth;
    return (data[Math.floor(k / width) * line + (bit >> 3)] >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  });
}

function tiff(bytes) {
  const pages = decodeTiff(bytes, { ignoreImageData: true });
  if (pages.length !== 1) throw new Fault(`holds ${pages.length} pictures`);
  checkSize(pages[0].height, pages[0].width);
  const [page] = decodeTiff(bytes);
  const { width, height, data, bitsPerSample, samplesPerPixel } = page;
  if (page.orientation > 1) throw new Fault("is stored turned or mirrored; save it upright");
  return { data, rows: height, columns: width, channels: samplesPerPixel, full: 2 ** bitsPerSample - 1 };
}

function bmp(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  checkSize(Math.abs(view.getInt32(22, true)), view.getInt32(18, true));
  return decodeWithBrowser(bytes);
}

function jpeg(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  // From segment to segment to the frame's header, which is none of DHT, JPG and DAC.
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; at += 2 + view.getUint16(at + 2))
    if (bytes[at + 1] >= 0xc0 && bytes[at + 1] <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(bytes[at + 1])) {
      checkSize(view.getUint16(at + 5), view.getUint16(at + 7));
      break;
    }
  return decodeWithBrowser(bytes);
}

/** What browsers decode: JPEG, BMP. */
export async function decodeWithBrowser(bytes) {
  const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  checkSize(height, width);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { data: context.getImageData(0, 0, width, height).data, rows: height, columns: width, channels: 4, full: 255 };
}

/** The one grey value of each pixel; colours and transparency are refused. */
function grey({ data, rows, columns, channels, full }) {
  if (channels === 1) return { data, rows, columns };
  const allowed = (2 * full) / 255;
  const alpha = channels === 2 || channels === 4;
  const result = new data.constructor(rows * columns);
  for (let k = 0, at = 0; k < result.length; k++, at += channels) {
    if (alpha && data[at + channels - 1] !== full) throw new Fault("has transparent pixels; flatten it");
    const value = data[at + (channels > 2 ? 1 : 0)];
    if (channels > 2 && (Math.abs(data[at] - value) > allowed || Math.abs(data[at + 2] - value) > allowed))
      throw new Fault("is a colour picture; convert it to greyscale if it is a radiograph");
    result[k] = value;
  }
  return { data: result, rows, columns };
}
