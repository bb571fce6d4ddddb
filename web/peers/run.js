// Times this package in headless Chromium against other runtimes that run in browsers, by turns: see README.md.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

import { serve } from "./server.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const PEERS = { f32: ["ours", "litert", "tensorflow", "onnxruntime"], int8: ["ours", "litert"] };

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: "string", default: "1.0-224,0.5-160,0.25-128" },
    precisions: { type: "string", default: "f32,int8" },
    rounds: { type: "string", default: "12" },
    turn: { type: "string", default: "400" },
    cold: { type: "string", default: "10" },
  },
});
if (positionals.length !== 1) {
  console.error("node run.js FOLDER, the models that benches/peers makes");
  process.exit(2);
}
const folder = resolve(positionals[0]);
const work = mkdtempSync(join(tmpdir(), "web-peers-"));
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

/** Our packed file of a weights file. */
function packed(weights, name) {
  const mnetc = ["run", "--release", "--quiet", "--manifest-path", join(here, "../../Cargo.toml"), "--"];
  const pack = ["pack", "--weights", join(folder, weights[0]), ...weights.slice(1), "-o", join(work, `${name}.mnw`)];
  const [program, ...before] = process.env.MNETC ? [process.env.MNETC] : ["cargo", ...mnetc];
  execFileSync(program, [...before, ...pack], { stdio: ["ignore", "ignore", "inherit"] });
  return `/packed/${name}.mnw`;
}

/** What contestants are told of a model. */
function model(name, precision) {
  const [alpha, resolution] = name.split("-");
  const stem = `${alpha}_MobileNet_${resolution}`;
  const tflite = precision === "f32" ? `${stem}.tflite` : `${stem}.int8.floats.tflite`;
  const weights = precision === "f32" ? [`${stem}.safetensors`, "--rho", resolution] : [`${stem}.int8.tflite`];
  const facts = { stem: `/models/${stem}`, tflite: `/models/${tflite}`, packed: packed(weights, `${name}-${precision}`) };
  return { ...facts, precision, alpha: Number(alpha), resolution: Number(resolution) };
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** How far logits are from ours, as a share of how far ours reach. */
function difference(theirs, ours) {
  if (theirs.length !== ours.length) return Infinity;
  const reach = Math.max(...ours) - Math.min(...ours);
  return Math.max(...theirs.map((logit, i) => Math.abs(logit - ours[i]))) / reach;
}

/** All contestants that can open a model on it, by turns, every other round backwards. */
async function race(context, url, facts) {
  const pages = {};
  for (const name of PEERS[facts.precision]) {
    const page = await context.newPage();
    await page.goto(`${url}/page.html`);
    try {
      await page.evaluate(async ([name, facts]) => (await import("./contestants.js")).enter(name, facts), [name, facts]);
      pages[name] = page;
    } catch (error) {
      if (name === "ours") throw error;
      console.error(`${name} does not take ${facts.tflite}: ${error.message.split("\n")[0]}`);
      await page.close();
    }
  }
  const names = Object.keys(pages);
  const logits = {};
  for (const name of names) logits[name] = await pages[name].evaluate(() => logits());
  const turns = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const name of round % 2 ? names.toReversed() : names) {
      await pages[name].bringToFront();
      turns[name].push(await pages[name].evaluate((turn) => burst(turn), Number(options.turn)));
    }
  }
  for (const name of names) await pages[name].close();
  return Object.fromEntries(
    names.map((name) => [
      name,
      {
        median: median(turns[name].map(median)),
        least: Math.min(...turns[name].flat()),
        difference: difference(logits[name], logits.ours),
      },
    ]),
  );
}

/** From the start of a navigation to the first logits, with nothing cached: a new browser. Also the files that were loaded. */
async function visit(url, name, facts, named) {
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage();
    await page.goto("about:blank");
    const files = [];
    const query = new URLSearchParams({ name, facts: JSON.stringify(facts), named: JSON.stringify(named) });
    const address = `${url}/cold.html?${query}`;
    page.on("request", (request) => {
      if (request.url() !== address) files.push({ url: request.url(), script: request.resourceType() === "script" });
    });
    await page.goto(address);
    await page.waitForFunction(() => globalThis.done > 0);
    return { time: await page.evaluate(() => globalThis.done), files };
  } finally {
    await browser.close();
  }
}

/** Times of visits to a page that says nothing of its files, and to one that names them all in its head, by turns. */
async function cold(url, name, facts) {
  const { files } = await visit(url, name, facts, []);
  const times = { plain: [], named: [] };
  for (let i = 0; i < Number(options.cold); i++) {
    times.plain.push((await visit(url, name, facts, [])).time);
    times.named.push((await visit(url, name, facts, files)).time);
  }
  return times;
}

const NONE = "-";
const cell = (result) => (result ? `${result.median.toFixed(3)} (${result.least.toFixed(3)})` : NONE);

/** Our time as a share of the best of some peers, by medians and by minima. */
function share(ours, peers) {
  const [median, least] = ["median", "least"].map((which) => ours[which] / Math.min(...peers.map((peer) => peer[which])));
  return peers.length ? `**${median.toFixed(2)}** (${least.toFixed(2)})` : NONE;
}

const row = (cells) => console.log(`| ${cells.join(" | ")} |`);

const server = await serve({
  "": here, models: folder, packed: work, ours: join(here, ".."), node_modules: join(here, "node_modules"),
});
const browser = await chromium.launch({ executablePath, args });
let failed = false;
try {
  const context = await browser.newContext();
  const models = options.models.split(",");
  for (const precision of options.precisions.split(",")) {
    const names = PEERS[precision];
    console.log(`\n${precision}: milliseconds a run, median of turns (minimum of all); then ours as a share\n`);
    row(["alpha-resolution", ...names, "ours / litert", "ours / best peer", "differences of logits"]);
    row(Array(names.length + 4).fill("---"));
    for (const name of models) {
      const results = await race(context, server.url, model(name, precision));
      const peers = names.slice(1).flatMap((name) => results[name] ?? []);
      const shares = [results.litert ? [results.litert] : [], peers].map((peers) => share(results.ours, peers));
      const differences = peers.map(({ difference }) => difference.toExponential(0)).join(", ") || NONE;
      failed ||= peers.length < names.length - 1;
      failed ||= peers.some(({ difference }) => !(difference < (precision === "f32" ? 1e-4 : 0.1)));
      row([name, ...names.map((name) => cell(results[name])), ...shares, differences]);
    }
  }
  await browser.close();
  if (Number(options.cold) > 0) {
    console.log("\nMilliseconds from navigation to the first logits at 0.25-128, f32, a new browser each time: median (minimum)\n");
    row(["", "files named in the page's head", "not named"]);
    row(Array(3).fill("---"));
    const tiny = model("0.25-128", "f32");
    for (const name of PEERS.f32) {
      const { plain, named } = await cold(server.url, name, tiny);
      row([name, ...[named, plain].map((times) => `${median(times).toFixed(0)} (${Math.min(...times).toFixed(0)})`)]);
    }
  }
} finally {
  await browser.close();
  server.close();
  rmSync(work, { recursive: true, force: true });
}
if (failed) {
  console.error("a peer's logits are not like ours, or it could not open a model");
  process.exitCode = 1;
}
