// The page: a photo or the camera in, the five most probable classes out. Nothing leaves the browser.
import { load } from "./js/index.js";

const $ = (id) => document.getElementById(id);
const [model, drop, hint, view, file, camera] = ["model", "drop", "hint", "view", "file", "camera"].map($);
const [guesses, time, trouble, facts] = ["guesses", "time", "trouble", "facts"].map($);

let network;
/** What was looked at last: looked at again when another model is chosen. */
let photo;
let stream;

/** Runs something and says what goes wrong. */
const saying = (action) => async (...args) => {
  trouble.textContent = "";
  try {
    await action(...args);
  } catch (error) {
    trouble.textContent = error.message;
  }
};

const choose = saying(async () => {
  const start = performance.now();
  const next = await load({ modelUrl: new URL(`models/${model.value}`, import.meta.url) });
  network?.dispose();
  network = next;
  const took = performance.now() - start;
  facts.textContent =
    `${network.name}: ${network.width} x ${network.height} pixels, ${(network.multiplyAdds / 1e6).toFixed(1)} M multiply-adds, ` +
    `${(network.arenaBytes / 1024).toFixed(0)} KiB of working memory. Loaded in ${took.toFixed(0)} ms, runs on ${network.isa}, ` +
    `one thread. Nothing leaves this page.`;
  if (photo) await look(photo);
});

/** Classifies what an image, a video or a bitmap shows. */
async function look(image) {
  if (!network) return;
  const start = performance.now();
  const best = await network.classify(image, 5);
  const took = performance.now() - start;
  guesses.replaceChildren(...best.map(row));
  time.textContent = `${took.toFixed(1)} ms, cropping and resizing included`;
  document.body.dataset.best = best[0].className;
}

function row({ className, probability }) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const share = document.createElement("span");
  const bar = document.createElement("div");
  name.textContent = className.split(",")[0];
  name.title = className;
  share.textContent = `${(probability * 100).toFixed(1)} %`;
  bar.className = "bar";
  bar.append(document.createElement("span"));
  bar.firstChild.style.width = `${probability * 100}%`;
  item.append(name, share, bar);
  return item;
}

function show(image, width, height) {
  Object.assign(view, { width, height, hidden: false });
  view.getContext("2d").drawImage(image, 0, 0, width, height);
  hint.hidden = true;
}

const open = saying(async (blob) => {
  if (!blob) return;
  await stop();
  const image = await createImageBitmap(blob).catch(() => {
    throw new Error(`${blob.name || "this"} is no photo that this browser can read`);
  });
  photo?.close();
  photo = image;
  show(photo, photo.width, photo.height);
  await look(photo);
});

async function stop() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = undefined;
  camera.setAttribute("aria-pressed", "false");
}

const film = saying(async () => {
  if (stream) return stop();
  const video = document.createElement("video");
  video.muted = true;
  stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  camera.setAttribute("aria-pressed", "true");
  video.srcObject = stream;
  await video.play();
  while (stream) {
    show(video, video.videoWidth, video.videoHeight);
    await look(video);
    await new Promise(requestAnimationFrame);
  }
});

file.addEventListener("change", () => open(file.files[0]));
camera.addEventListener("click", film);
model.addEventListener("change", choose);
document.addEventListener("paste", (event) => open(event.clipboardData.files[0]));
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop") open(event.dataTransfer.files[0]);
  });
}

await saying(async () => {
  const names = await (await fetch(new URL("models/models.json", import.meta.url))).json();
  model.replaceChildren(...names.map((name) => new Option(name.replace(/\.mnw$/, ""), name)));
  model.disabled = false;
  await choose();
})();
