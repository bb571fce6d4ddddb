// The JavaScript half: fetches weights and one of two WebAssembly modules, and hands images over to it. Types and
// documentation are in index.d.ts.

/** A module of one instruction of relaxed SIMD: a browser that finds it valid has all of them. */
const RELAXED_SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128,
  2, 11,
]);

const EMBEDDING = 0, LOGITS = 1, PROBABILITIES = 2;

/** Compiled modules by address: models share them. */
const modules = new Map();

export async function load({ modelUrl, wasmUrl = defaultWasm() }) {
  const [module, weights] = await Promise.all([compiled(wasmUrl), bytes(modelUrl)]);
  return new MobileNet(await WebAssembly.instantiate(module), weights);
}

function defaultWasm() {
  const name = WebAssembly.validate(RELAXED_SIMD) ? "relaxed-simd" : "simd128";
  return new URL(`../wasm/${name}.wasm`, import.meta.url);
}

async function compiled(source) {
  if (isBytes(source)) return WebAssembly.compile(source);
  const url = String(source);
  if (!modules.has(url)) modules.set(url, compile(url));
  try {
    return await modules.get(url);
  } catch (error) {
    // Another attempt may go better.
    modules.delete(url);
    throw error;
  }
}

async function compile(url) {
  if (!isFile(url)) {
    const response = await fetched(url);
    const streams = response.headers.get("content-type")?.startsWith("application/wasm");
    if (streams) return WebAssembly.compileStreaming(response);
    return WebAssembly.compile(await response.arrayBuffer());
  }
  return WebAssembly.compile(await bytes(url));
}

async function bytes(source) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (isBytes(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (source === undefined) throw new TypeError("load() needs a modelUrl: where the packed weights (.mnw) are");
  const url = String(source);
  if (isFile(url)) {
    // Node's fetch does not read files.
    const { readFile } = await import("node:fs/promises");
    return readFile(new URL(url));
  }
  return new Uint8Array(await (await fetched(url)).arrayBuffer());
}

function isBytes(source) {
  return source instanceof ArrayBuffer || ArrayBuffer.isView(source);
}

function isFile(url) {
  return url.startsWith("file:") && typeof process === "object";
}

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response;
}

export class MobileNet {
  #wasm;

  constructor(instance, weights) {
    this.#wasm = instance.exports;
    this.#write(weights);
    this.#check(this.#wasm.mobilenet_load());
    const [isa, name, ...lines] = this.#text().split("\n");
    const [height, width, channels, classes, embeddingLength, arenaBytes, multiplyAdds] = lines.map(Number);
    const labels = lines.slice(7);
    Object.assign(this, { isa, name, height, width, channels, classes, embeddingLength, arenaBytes, multiplyAdds });
    this.labels = labels.length === classes ? labels : [];
    // What is written once is not needed again.
    this.#wasm.mobilenet_input(0);
  }

  async classify(image, topk = 3) {
    const probabilities = this.#run(image, PROBABILITIES);
    const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a] || a - b);
    return order.slice(0, topk).map((index) => ({
      className: this.labels[index] ?? String(index),
      index,
      probability: probabilities[index],
    }));
  }

  async embedding(image) {
    return this.#run(image, EMBEDDING);
  }

  async logits(image) {
    return this.#run(image, LOGITS);
  }

  dispose() {
    this.#wasm = undefined;
  }

  #run(image, wanted) {
    if (this.#wasm === undefined) throw new Error("this model has been disposed of");
    const { data, width, height } = pixels(image);
    this.#write(data);
    const length = this.#check(this.#wasm.mobilenet_run(width, height, wanted));
    return new Float32Array(this.#wasm.memory.buffer, this.#wasm.mobilenet_output(), length).slice();
  }

  #write(data) {
    // The memory may grow, so it is looked at after the call.
    const at = this.#wasm.mobilenet_input(data.length);
    new Uint8Array(this.#wasm.memory.buffer, at, data.length).set(data);
  }

  #check(status) {
    if (status < 0) throw new Error(this.#text());
    return status;
  }

  #text() {
    const at = this.#wasm.mobilenet_text();
    return new TextDecoder().decode(new Uint8Array(this.#wasm.memory.buffer, at, this.#wasm.mobilenet_text_len()));
  }
}

let canvas;

/** Whatever shows something as rows of RGBA; bytes alone are what the network takes, with a width of 0. */
function pixels(image) {
  if (image instanceof Uint8Array || image instanceof Uint8ClampedArray) return { data: image, width: 0, height: 0 };
  if (image?.data !== undefined && image.width > 0 && image.height > 0) return image;
  const width = image?.videoWidth || image?.naturalWidth || image?.width;
  const height = image?.videoHeight || image?.naturalHeight || image?.height;
  if (!(width > 0 && height > 0)) throw new TypeError("no image, or one that has not been loaded yet");
  canvas ??= new OffscreenCanvas(1, 1);
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
