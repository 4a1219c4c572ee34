// DICOM as a viewer shows it, and what its tags say of polarity: xnet_io/dicom.py.
import dicomParser from "dicom-parser";
import { Decoder } from "jpeg-lossless-decoder-js";
import openJpeg from "@cornerstonejs/codec-openjpeg/decodewasmjs";
import openJpegWasm from "@cornerstonejs/codec-openjpeg/decodewasm";
import { checkSize } from "./decode.js";
import { Fault } from "./radiograph.js";

const PRESENTED = -4;
const UNDECLARED = -2;
const RADIOGRAPHY = ["CR", "DX", "IO", "MG", "PX", "RF", "RG", "XA"];
const SMALLEST_WINDOWED_SHARE = 0.1;
const NATIVE = { "1.2.840.10008.1.2": true, "1.2.840.10008.1.2.1": true, "1.2.840.10008.1.2.2": false };
const JPEG = "1.2.840.10008.1.2.4.50";
const LOSSLESS = ["1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"];
const JPEG2000 = ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"];

/** @param decodeJpeg decodes baseline JPEG. @returns {data, rows, columns, prior} */
export async function readDicom(bytes, decodeJpeg) {
  const set = dicomParser.parseDicom(bytes);
  const text = (tag) => set.string(tag)?.trim();
  const number = (tag) => (text(tag) ? Number(text(tag).split("\\")[0]) : undefined);
  const photometric = text("x00280004");
  if (!set.elements.x7fe00010) throw new Fault("is a DICOM file without a picture");
  if (!["MONOCHROME1", "MONOCHROME2"].includes(photometric) || set.uint16("x00280002") !== 1)
    throw new Fault(`is not greyscale (${photometric})`);
  if ((number("x00280008") ?? 1) !== 1) throw new Fault(`holds ${number("x00280008")} frames`);
  const [rows, columns] = [set.uint16("x00280010"), set.uint16("x00280011")];
  checkSize(rows, columns);
  const stored = usedBits(set, await pixels(set, rows, columns, decodeJpeg));
  if (stored.length !== rows * columns) throw new Fault("is a truncated DICOM file");
  let shown = windowed(set, number, rescaled(set, number, stored));
  shown = withoutPadding(set, stored, shown);
  if (photometric === "MONOCHROME1") {
    const most = shown.reduce((a, b) => Math.max(a, b), -Infinity);
    shown = shown.map((value) => most - value);
  }
  return { data: shown, rows, columns, prior: prior(set, text, stored, shown, rows, columns) };
}

async function pixels(set, rows, columns, decodeJpeg) {
  const syntax = set.string("x00020010")?.trim() ?? "1.2.840.10008.1.2";
  const element = set.elements.x7fe00010;
  const [bits, signed] = [set.uint16("x00280100"), set.uint16("x00280103") === 1];
  if (bits !== 8 && bits !== 16) throw new Fault(`has ${bits}-bit pixels, which are not read here`);
  const typed = (data) => (bits === 8 ? (signed ? Int8Array.from(data) : data) : signed ? Int16Array.from(data) : data);
  if (syntax in NATIVE) {
    const size = (rows * columns * bits) / 8;
    if (element.length < size) throw new Fault("is a truncated DICOM file");
    const raw = set.byteArray.slice(element.dataOffset, element.dataOffset + size);
    if (bits === 8) return typed(raw);
    const view = new DataView(raw.buffer);
    return typed(Uint16Array.from({ length: rows * columns }, (_, k) => view.getUint16(2 * k, NATIVE[syntax])));
  }
  if (!element.fragments) throw new Fault(`is compressed in a way that is not read here (${syntax})`);
  const parts = element.fragments.map(({ position, length }) => set.byteArray.subarray(position, position + length));
  const frame = new Uint8Array(await new Blob(parts).arrayBuffer());
  if (LOSSLESS.includes(syntax)) {
    const result = new Decoder().decode(frame.buffer, 0, frame.length, bits / 8);
    return typed(bits === 8 ? new Uint8Array(result.buffer) : new Uint16Array(result.buffer));
  }
  if (JPEG2000.includes(syntax)) return jpeg2000(frame);
  if (syntax === JPEG) {
    const { data } = await decodeJpeg(frame);
    return Uint8Array.from({ length: rows * columns }, (_, k) => data[4 * k]);
  }
  throw new Fault(`is compressed in a way that is not read here (${syntax}); decompress it`);
}

async function jpeg2000(frame) {
  const codec = await openJpeg({ wasmBinary: openJpegWasm });
  const decoder = new codec.J2KDecoder();
  decoder.getEncodedBuffer(frame.length).set(frame);
  decoder.decode();
  const { bitsPerSample, isSigned } = decoder.getFrameInfo();
  const bytes = Uint8Array.from(decoder.getDecodedBuffer());
  decoder.delete();
  if (bitsPerSample <= 8) return isSigned ? new Int8Array(bytes.buffer) : bytes;
  return isSigned ? new Int16Array(bytes.buffer) : new Uint16Array(bytes.buffer);
}

/** The stored bits up to the high bit; old overlays lie in the others. */
function usedBits(set, stored) {
  const allocated = 8 * stored.BYTES_PER_ELEMENT;
  const used = set.uint16("x00280101") ?? allocated;
  const high = set.uint16("x00280102") || used - 1;
  if (!(used - 1 <= high && high < allocated) || used === allocated) return stored;
  const signed = stored instanceof Int8Array || stored instanceof Int16Array;
  const [up, down] = [32 - 1 - high, 32 - used];
  return stored.map((value) => (signed ? (value << up) >> down : (value << up) >>> down));
}

/** A table's first value and entries, or null. */
function table(set, tag) {
  const item = set.elements[tag]?.items?.[0]?.dataSet;
  const data = item?.elements.x00283006;
  if (!data?.length) return null;
  const count = item.uint16("x00283002", 0) || 65536;
  const first = item.elements.x00283002.vr === "SS" ? item.int16("x00283002", 1) : item.uint16("x00283002", 1);
  const wide = data.length !== count;
  const entries = Float32Array.from({ length: wide ? data.length / 2 : count }, (_, k) =>
    wide ? item.uint16("x00283006", k) : item.byteArray[data.dataOffset + k],
  );
  return { first, entries };
}

const lookUp = (values, { first, entries }) =>
  Float32Array.from(values, (value) => entries[Math.trunc(Math.min(Math.max(value - first, 0), entries.length - 1))]);

function rescaled(set, number, stored) {
  const modality = table(set, "x00283000");
  if (modality) return lookUp(stored, modality);
  const [slope, intercept] = [number("x00281053") || 1, number("x00281052") || 0];
  return Float32Array.from(stored, (value) => Math.fround(value * slope) + intercept);
}

function windowed(set, number, values) {
  const lookup = table(set, "x00283010");
  if (lookup) return lookUp(values, lookup);
  const [centre, width] = [number("x00281050"), number("x00281051")];
  const form = set.string("x00281056")?.trim() || "LINEAR";
  if (!Number.isFinite(centre) || !(width > 0)) return values;
  const linear = form === "LINEAR" && width > 1;
  const low = linear ? centre - 0.5 - (width - 1) / 2 : centre - width / 2;
  const high = linear ? centre - 0.5 + (width - 1) / 2 : centre + width / 2;
  const within = values.reduce((count, value) => count + (value > low && value < high), 0);
  if (within / values.length < SMALLEST_WINDOWED_SHARE) return values;
  if (form === "SIGMOID")
    return values.map((value) => 1 / (1 + Math.exp(Math.min(Math.max((-4 * (value - centre)) / width, -50), 50))));
  return values.map((value) => Math.min(Math.max((value - low) / (high - low), 0), 1));
}

function withoutPadding(set, stored, shown) {
  if (!set.elements.x00280120) return shown;
  const signed = stored instanceof Int16Array || stored instanceof Int8Array;
  const value = (tag) => (set.elements[tag] ? (signed ? set.int16(tag) : set.uint16(tag)) : undefined);
  const [first, last] = [value("x00280120"), value("x00280121") ?? value("x00280120")].sort((a, b) => a - b);
  let [low, high] = [Infinity, -Infinity];
  shown.forEach((grey, k) => {
    if (stored[k] >= first && stored[k] <= last) return;
    if (grey < low) low = grey;
    if (grey > high) high = grey;
  });
  return low <= high ? shown.map((grey) => Math.min(Math.max(grey, low), high)) : shown;
}

function prior(set, text, stored, shown, rows, columns) {
  const sign = set.elements.x00281041 ? set.int16("x00281041") : undefined;
  if (sign === 1 || sign === -1) return (sign === 1) === rises(stored, shown, rows, columns) ? Infinity : -Infinity;
  const intent = text("x00080068");
  if (intent === "FOR PROCESSING") return 0;
  return intent === "FOR PRESENTATION" || RADIOGRAPHY.includes(text("x00080060")) ? PRESENTED : UNDECLARED;
}

function rises(stored, shown, rows, columns) {
  const step = Math.min(rows, columns) > 70 ? 7 : 1;
  const pairs = [];
  for (let y = 0; y < rows; y += step)
    for (let x = 0; x < columns; x += step) pairs.push([stored[y * columns + x], shown[y * columns + x]]);
  const mean = (k) => pairs.reduce((sum, pair) => sum + pair[k], 0) / pairs.length;
  const [before, after] = [mean(0), mean(1)];
  return pairs.reduce((sum, [a, b]) => sum + (a - before) * (b - after), 0) >= 0;
}
