// Runs a test program of WebAssembly in Node, `node .ci/wasi.mjs program.wasm [argument...]`: as much of the system
// interface WASI as tests need, which is arguments, variables, output and a clock. Node's own `node:wasi` of version 20
// crashes once a program's memory has grown.
import { readFileSync, writeSync } from "node:fs";

const DONE = 0, BAD_FILE = 8, NOT_THERE = 52;
const args = process.argv.slice(2);
let memory;

const view = () => new DataView(memory.buffer);
const bytes = (at, length) => new Uint8Array(memory.buffer, at, length);

/** The two functions that hand over a list of texts: how much there is, and then the texts. */
function list(texts) {
  const encoded = texts.map((text) => new TextEncoder().encode(`${text}\0`));
  return [
    (count, length) => {
      view().setUint32(count, encoded.length, true);
      view().setUint32(length, encoded.reduce((sum, text) => sum + text.length, 0), true);
      return DONE;
    },
    (pointers, at) => {
      for (const [i, text] of encoded.entries()) {
        view().setUint32(pointers + 4 * i, at, true);
        bytes(at, text.length).set(text);
        at += text.length;
      }
      return DONE;
    },
  ];
}

const [args_sizes_get, args_get] = list(args);
const [environ_sizes_get, environ_get] = list(Object.entries(process.env).map((pair) => pair.join("=")));
const calls = {
  args_sizes_get,
  args_get,
  environ_sizes_get,
  environ_get,
  fd_write(file, vectors, count, written) {
    let sum = 0;
    for (let at = vectors; at < vectors + 8 * count; at += 8) {
      sum += writeSync(file, bytes(view().getUint32(at, true), view().getUint32(at + 4, true)));
    }
    view().setUint32(written, sum, true);
    return DONE;
  },
  clock_time_get(_clock, _precision, at) {
    view().setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
    return DONE;
  },
  random_get(at, length) {
    crypto.getRandomValues(bytes(at, length));
    return DONE;
  },
  sched_yield: () => DONE,
  proc_exit: (code) => process.exit(code),
  // There are no folders.
  fd_prestat_get: () => BAD_FILE,
};
const imports = new Proxy(calls, { get: (calls, name) => calls[name] ?? (() => NOT_THERE) });
const { instance } = await WebAssembly.instantiate(readFileSync(args[0]), { wasi_snapshot_preview1: imports });
memory = instance.exports.memory;
instance.exports._start();
