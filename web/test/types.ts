// Compiled, not run: the package as TypeScript sees it.
import { load, type Guess, type MobileNet } from "../js/index.js";

export async function use(image: HTMLImageElement, video: HTMLVideoElement, bytes: Uint8Array): Promise<string> {
  const model: MobileNet = await load({ modelUrl: new URL("https://example.org/tiny.mnw") });
  const guesses: Guess[] = await model.classify(image, 5);
  const embedding: Float32Array = await model.embedding({ data: bytes, width: 2, height: 2 });
  await model.logits(video);
  // @ts-expect-error: a text is no image.
  await model.classify("photo.jpg");
  // @ts-expect-error: weights are needed.
  await load({});
  // @ts-expect-error: facts are read only.
  model.classes = 10;
  model.dispose();
  return guesses[0].className + embedding.length;
}
