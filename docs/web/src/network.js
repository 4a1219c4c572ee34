// XNet by onnxruntime in WebAssembly, on one thread; everything it needs is in this file.
import * as ort from "onnxruntime-web/wasm";
import runtime from "packed:onnxruntime-web/ort-wasm-simd-threaded.wasm";
import loader from "packed:onnxruntime-web/ort-wasm-simd-threaded.mjs";
import model from "packed:xnet.onnx";

async function unpack(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @returns a network as inference.js takes it. */
export async function loadNetwork() {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await unpack(runtime)).buffer;
  const script = new Blob([await unpack(loader)], { type: "text/javascript" });
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(script) };
  const session = await ort.InferenceSession.create(await unpack(model), { executionProviders: ["wasm"] });
  return async ({ data, rows, columns }) => {
    const image = new ort.Tensor("float32", data, [1, 1, rows, columns]);
    const { probabilities } = await session.run({ image });
    const [, classes] = probabilities.dims;
    const size = rows * columns;
    const mixed = new Float32Array(size * classes);
    for (let c = 0; c < classes; c++)
      for (let k = 0; k < size; k++) mixed[k * classes + c] = probabilities.data[c * size + k];
    return { data: mixed, classes };
  };
}
