// The page in Chromium, which runs the module for relaxed SIMD: a photo, another model, a file that is no photo. Skipped where
// there is no Chromium. `SCREENSHOT=file.png` keeps a picture of the page.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { serve } from "./server.js";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const file = (path) => new URL(path, import.meta.url);
const path = (name) => fileURLToPath(file(`../../testdata/${name}`));
const args = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  // A camera that films a test picture.
  "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
];

describe("the page", { skip: !existsSync(executablePath) && `there is no ${executablePath}` }, () => {
  let server, browser, page, folder;
  const troubles = [];

  before(async () => {
    const { chromium } = await import("playwright-core");
    server = await serve(file("../dist/"));
    folder = await mkdtemp(join(tmpdir(), "chromium-"));
    const viewport = { width: 960, height: 600 };
    browser = await chromium.launchPersistentContext(folder, { executablePath, args, viewport });
    page = await browser.newPage();
    page.on("pageerror", (error) => troubles.push(error.message));
    page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
    await page.goto(server.url);
  });

  after(async () => {
    await browser?.close();
    server?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  test("says which model it has loaded", async () => {
    await page.waitForFunction(() => document.getElementById("facts").textContent.includes("runs on"));
    const facts = await page.textContent("#facts");
    assert.match(facts, /^0\.25_MobileNet_tiny: 128 x 128 pixels, 13\.6 M multiply-adds/);
    assert.match(facts, /runs on relaxed-simd/);
  });

  test("knows a cat", async () => {
    await page.setInputFiles("#file", path("photos/cat.png"));
    await page.waitForSelector("#guesses li:nth-child(5)");
    assert.equal(await page.locator("#guesses li").count(), 5);
    assert.equal(await page.locator("#guesses li span").first().textContent(), "Egyptian cat");
    assert.match(await page.textContent("#time"), /^[\d.]+ ms/);
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  });

  test("has the published logits", async () => {
    const pixels = Array.from(await readFile(path("inputs/cat_128_rgb.u8")));
    const expected = JSON.parse(await readFile(file("expected/cat_128.logits.json")));
    const found = await page.evaluate(async (pixels) => {
      const { load } = await import("./js/index.js");
      const model = await load({ modelUrl: "models/0.25_MobileNet_tiny.mnw" });
      return [model.isa, Array.from(await model.logits(new Uint8Array(pixels)))];
    }, pixels);
    assert.equal(found[0], "relaxed-simd");
    for (const [i, logit] of found[1].entries()) assert.ok(Math.abs(logit - expected[i]) < 1e-4, `${i}: ${logit}`);
  });

  test("says that a file is no photo", async () => {
    await page.setInputFiles("#file", path("labels_imagenet_1001.txt"));
    await page.waitForFunction(() => document.getElementById("trouble").textContent !== "");
    assert.match(await page.textContent("#trouble"), /labels_imagenet_1001\.txt is no photo/);
  });

  test("looks through the camera, until told not to", async () => {
    await page.click("#camera");
    await page.waitForSelector("#camera[aria-pressed=true]");
    // Each look says how long it took; two in a row never take exactly as long.
    const seen = new Set();
    await page.evaluate(() => (document.getElementById("time").textContent = ""));
    while (seen.size < 3) {
      await page.waitForFunction((last) => !["", last].includes(document.getElementById("time").textContent), [...seen].at(-1));
      seen.add(await page.textContent("#time"));
    }
    assert.equal(await page.locator("#guesses li").count(), 5);
    assert.ok((await page.locator("#view").evaluate((view) => view.width)) > 0);
    await page.click("#camera");
    await page.waitForSelector("#camera[aria-pressed=false]");
  });

  test("has met no trouble", () => assert.deepEqual(troubles, []));
});
