// The package in Node, each module: logits of the shipped model against those of TensorFlow's arithmetic, those of a quantised model
// against the bytes of TensorFlow Lite's reference kernels, and mistakes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";

import { load } from "../js/index.js";
import { serve } from "./server.js";

const file = (path) => new URL(path, import.meta.url);
const modelUrl = file("../dist/models/0.25_MobileNet_tiny.mnw");
const pixels = new Uint8Array(await readFile(file("../../testdata/inputs/cat_128_rgb.u8")));
const expected = JSON.parse(await readFile(file("expected/cat_128.logits.json")));

/** The pixels as a photo of its own size. */
function photo() {
  const data = new Uint8ClampedArray((pixels.length / 3) * 4).fill(255);
  for (let i = 0; i < pixels.length; i++) data[Math.floor(i / 3) * 4 + (i % 3)] = pixels[i];
  return { data, width: 128, height: 128 };
}

/** A quantised model, packed. */
async function quantised() {
  const folder = await mkdtemp(join(tmpdir(), "mobilenet-"));
  try {
    const [packed, repository] = [join(folder, "model.mnw"), fileURLToPath(file("../.."))];
    const pack = ["pack", "--weights", "testdata/models/mobilenet_v1_0.25_128_quant.tflite", "-o", packed];
    execFileSync("cargo", ["run", "--release", "--quiet", "--", ...pack], { cwd: repository, stdio: "ignore" });
    return new Uint8Array(await readFile(packed));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

for (const isa of ["simd128", "relaxed-simd"]) {
  const wasmUrl = file(`../wasm/${isa}.wasm`);
  const known = WebAssembly.validate(await readFile(wasmUrl));
  describe(isa, { skip: !known && "this Node does not know it" }, () => {
    let model;
    before(async () => {
      model = await load({ modelUrl, wasmUrl });
    });

    test("says what it is", () => {
      assert.equal(model.isa, isa);
      assert.equal(model.name, "0.25_MobileNet_tiny");
      assert.deepEqual([model.height, model.width, model.channels, model.classes], [128, 128, 3, 1000]);
      assert.equal(model.arenaBytes, 167552);
      assert.equal(model.labels.length, 1000);
    });

    test("has the published logits", async () => {
      const logits = await model.logits(pixels);
      assert.equal(logits.length, expected.length);
      for (const [i, logit] of logits.entries()) assert.ok(Math.abs(logit - expected[i]) < 1e-4, `${i}: ${logit}`);
    });

    test("has the bytes of the reference where it computes with bytes", async () => {
      const bytes = await load({ modelUrl: await quantised(), wasmUrl });
      const reference = file("../../testdata/expected/mobilenet_v1_0.25_128_quant.tflite.json");
      const { logits: expected } = JSON.parse(await readFile(reference)).cases.find(({ photo }) => photo === "cat");
      const logits = await bytes.logits(pixels);
      assert.equal(logits.length, expected.length);
      // What a step between two bytes stands for, by the classes that are furthest apart.
      const [least, most] = [Math.min(...expected), Math.max(...expected)].map((byte) => expected.indexOf(byte));
      const step = (logits[most] - logits[least]) / (expected[most] - expected[least]);
      for (const [i, logit] of logits.entries()) {
        assert.ok(Math.abs((logit - logits[least]) / step - (expected[i] - expected[least])) < 1e-3, `${i}: ${logit}`);
      }
      assert.equal((await bytes.classify(pixels, 1))[0].index, 286);
    });

    test("knows a cat", async () => {
      const [first, second] = await model.classify(pixels, 2);
      assert.deepEqual([first.className, first.index], ["tabby, tabby cat", 281]);
      assert.ok(Math.abs(first.probability - 0.4882) < 1e-3);
      assert.equal(second.className, "Egyptian cat");
      assert.equal((await model.classify(pixels)).length, 3);
    });

    test("gives the same for a photo that needs no resizing", async () => {
      assert.deepEqual(await model.logits(photo()), await model.logits(pixels));
    });

    test("tells what it sees apart", async () => {
      const [cat, nothing] = [await model.embedding(pixels), await model.embedding(new Uint8Array(pixels.length))];
      assert.equal(cat.length, 256);
      assert.notDeepEqual(cat, nothing);
    });

    test("refuses what does not fit", async () => {
      await assert.rejects(model.logits(pixels.subarray(1)), /takes 49152 values, 49151 were given/);
      await assert.rejects(model.logits({ ...photo(), width: 127 }), /no 127 x 128 picture/);
      await assert.rejects(model.logits(undefined), /no image/);
    });

    test("refuses weights that are none", async () => {
      await assert.rejects(load({ modelUrl: pixels, wasmUrl }), /no packed weights/);
      const damaged = new Uint8Array(await readFile(modelUrl));
      damaged[damaged.length >> 1] ^= 1;
      await assert.rejects(load({ modelUrl: damaged, wasmUrl }), /damaged/);
    });

    test("is small", async () => {
      const download = gzipSync(await readFile(wasmUrl)).length + gzipSync(await readFile(file("../js/index.js"))).length;
      assert.ok(download <= 150_000, `${download} bytes`);
    });
  });
}

describe("loading", () => {
  let server;
  before(async () => {
    server = await serve(file("../dist/"));
  });
  after(() => server.close());

  test("over HTTP, and with the module that fits", async () => {
    const wasmUrl = `${server.url}/wasm/simd128.wasm`;
    const model = await load({ modelUrl: `${server.url}/models/0.25_MobileNet_tiny.mnw`, wasmUrl });
    assert.equal((await model.classify(pixels, 1))[0].index, 281);
    assert.match((await load({ modelUrl })).isa, /simd128|relaxed-simd/);
    model.dispose();
    await assert.rejects(model.classify(pixels), /disposed/);
  });

  test("what is not there is said", async () => {
    await assert.rejects(load({ modelUrl: `${server.url}/models/none.mnw` }), /none\.mnw: 404/);
    await assert.rejects(load({}), /needs a modelUrl/);
  });
});
