// How long one run takes in Node, of each module and of models in `.mnw` files: `node bench.js model.mnw...`. Node 20 wants
// `--experimental-wasm-relaxed-simd` for the second module.
import { readFile } from "node:fs/promises";
import { argv, cpuUsage } from "node:process";

import { load } from "./js/index.js";

const SECONDS = 4;

/** Least processor time of a run in milliseconds: on a busy machine the clock on the wall says little. */
async function measure(model) {
  const pixels = new Uint8Array(model.height * model.width * model.channels).fill(100);
  // Browsers compile twice: at once, and well a little later.
  for (let i = 0; i < 5; i++) await model.logits(pixels);
  await new Promise((done) => setTimeout(done, 500));
  let least = Infinity;
  for (const end = performance.now() + SECONDS * 1000; performance.now() < end; ) {
    const before = cpuUsage();
    await model.logits(pixels);
    const { user, system } = cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

for (const path of argv.slice(2)) {
  for (const isa of ["simd128", "relaxed-simd"]) {
    const module = await readFile(new URL(`wasm/${isa}.wasm`, import.meta.url));
    if (!WebAssembly.validate(module)) continue;
    const model = await load({ modelUrl: await readFile(path), wasmUrl: module });
    const least = await measure(model);
    console.log(`${model.name}  ${isa}  ${least.toFixed(3)} ms  ${(model.multiplyAdds / least / 1e6).toFixed(1)} GMAC/s`);
  }
}
