// The runtimes, each on one model: a function that opens it and gives a function that runs it once, up to logits that can be
// read. Inputs are there, in the type that a runtime takes, and one thread is all that any gets.

const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());

/** The values of a file of numpy, whose header says that they are little-endian f32. */
async function npy(url) {
  const file = await bytes(url);
  const start = 10 + new DataView(file.buffer).getUint16(8, true);
  return new Float32Array(file.buffer.slice(start));
}

/** The picture of a model as bytes. */
async function pixels(stem) {
  const values = await npy(`${stem}.input.npy`);
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round((values[i] + 1) * 127.5);
  return bytes;
}

/** As the floats from -1 to 1 that the bytes stand for. */
async function floats(stem) {
  const bytes = await pixels(stem);
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) values[i] = bytes[i] / 127.5 - 1;
  return values;
}

async function ours({ stem, packed }) {
  const { load } = await import("/ours/js/index.js");
  const [image, model] = await Promise.all([pixels(stem), load({ modelUrl: packed })]);
  return () => model.logits(image);
}

async function litert({ stem, tflite, resolution }) {
  const { loadLiteRt, loadAndCompile, Tensor } = await import("@litertjs/core");
  await loadLiteRt("/node_modules/@litertjs/core/wasm/", { threads: false });
  const model = await loadAndCompile(tflite, { accelerator: "wasm" });
  const input = new Tensor(await floats(stem), [1, resolution, resolution, 3]);
  return async () => {
    const [output] = await model.run(input);
    const logits = output.toTypedArray();
    output.delete();
    return logits;
  };
}

async function onnxruntime({ stem, resolution }) {
  const ort = await import("/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/node_modules/onnxruntime-web/dist/";
  const session = await ort.InferenceSession.create(await bytes(`${stem}.onnx`), { executionProviders: ["wasm"] });
  const image = await floats(stem);
  const [name] = session.inputNames;
  const [output] = session.outputNames;
  // Channels come first.
  const size = resolution * resolution;
  const values = image.map((_, i) => image[(i % size) * 3 + Math.floor(i / size)]);
  const feeds = { [name]: new ort.Tensor("float32", values, [1, 3, resolution, resolution]) };
  return async () => (await session.run(feeds))[output].data;
}

/** As the converter of TensorFlow.js writes it: batch norm folded, bias and activation fused into convolutions. */
async function tensorflow({ stem, alpha, resolution }) {
  await import("/node_modules/@tensorflow/tfjs-core/dist/tf-core.min.js");
  await import("/node_modules/@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js");
  const { tf } = globalThis;
  tf.wasm.setWasmPaths("/node_modules/@tensorflow/tfjs-backend-wasm/dist/");
  tf.wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
  const [folded, image] = await Promise.all([npy(`${stem}.folded.npy`), floats(stem)]);
  let at = 0;
  const next = (...shape) => {
    const values = folded.subarray(at, (at += shape.reduce((a, b) => a * b)));
    return tf.tensor(values, shape);
  };
  const layers = [];
  let channels = 3;
  const convolution = (outputs, size, strides) => {
    const filter = tf.transpose(next(outputs, channels, size, size), [2, 3, 1, 0]);
    const options = { filter, strides, pad: "same", bias: next(outputs), activation: "relu6" };
    layers.push((x) => tf.fused.conv2d({ x, ...options }));
    channels = outputs;
  };
  const depthwise = (strides) => {
    const filter = tf.transpose(next(channels, 1, 3, 3), [2, 3, 0, 1]);
    const options = { filter, strides, pad: "same", bias: next(channels), activation: "relu6" };
    layers.push((x) => tf.fused.depthwiseConv2d({ x, ...options }));
  };
  convolution(32 * alpha, 3, 2);
  for (const [outputs, stride] of BLOCKS) {
    depthwise(stride);
    convolution(outputs * alpha, 1, 1);
  }
  const classes = (folded.length - at) / (channels + 1);
  const [b, bias] = [tf.transpose(next(classes, channels)), next(classes)];
  const input = tf.tensor(image, [1, resolution, resolution, 3]);
  return () =>
    tf.tidy(() => {
      const map = layers.reduce((x, layer) => layer(x), input);
      return tf.fused.matMul({ a: tf.mean(map, [1, 2]), b, bias }).dataSync();
    });
}

const BLOCKS = [
  [64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2], [512, 1], [512, 1], [512, 1], [512, 1], [512, 1], [1024, 2], [1024, 1],
];

const open = { ours, litert, tensorflow, onnxruntime };

/** Opens a contestant and runs it once. */
export async function first(name, model) {
  const run = await open[name](model);
  await run();
}

/** Opens a contestant; `burst` then is a turn of so many milliseconds, and gives the times of its runs. */
export async function enter(name, model) {
  const run = await open[name](model);
  globalThis.logits = async () => Array.from(await run());
  globalThis.burst = async (milliseconds) => {
    const times = [];
    const start = performance.now();
    for (let now = start; now < start + milliseconds; ) {
      const before = now;
      await run();
      now = performance.now();
      // The first fifth warms caches up.
      if (before > start + milliseconds / 5) times.push(now - before);
    }
    return times;
  };
}
