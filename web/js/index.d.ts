/** Compiled MobileNets: photos into classes and embeddings. */

/** Bytes that are there already. */
export type Bytes = ArrayBuffer | ArrayBufferView<ArrayBuffer>;

export interface LoadOptions {
  /** Packed weights, as `mnetc pack` writes them (`.mnw`): their address, or the bytes. They say which network they are for. */
  modelUrl: string | URL | Bytes;
  /**
   * The WebAssembly module: its address, or the bytes. Where nothing is said, the one for relaxed SIMD if there is such, else the
   * one for SIMD, beside this package's files.
   */
  wasmUrl?: string | URL | Bytes;
}

/** Pixels as a canvas gives them: rows of red, green, blue and opacity, which is passed over. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * What can be looked at. Anything but plain bytes is cropped and resized as the weights' family does it; plain bytes are
 * exactly what the network takes, `height * width * channels` of them.
 */
export type Image =
  | Pixels
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | Uint8Array
  | Uint8ClampedArray;

export interface Guess {
  /** The label; the index as text where the weights have no labels. */
  className: string;
  index: number;
  /** Between 0 and 1. */
  probability: number;
}

export declare class MobileNet {
  private constructor();
  /** The network's name: `0.25_MobileNet_tiny`. */
  readonly name: string;
  /** The instruction set in use: `relaxed-simd` or `simd128`. */
  readonly isa: string;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: number;
  readonly embeddingLength: number;
  /** Bytes of working memory. */
  readonly arenaBytes: number;
  /** Multiply-adds of one run. */
  readonly multiplyAdds: number;
  /** Class names by index; empty where the weights have none. */
  readonly labels: readonly string[];

  /** The most probable classes, best first. */
  classify(image: Image, topk?: number): Promise<Guess[]>;
  /** What the network sees, before it is put into classes. */
  embedding(image: Image): Promise<Float32Array>;
  /** The score of each class, before softmax. */
  logits(image: Image): Promise<Float32Array>;
  /** Frees the model's memory; it cannot be used any more. */
  dispose(): void;
}

/** Loads a model. Rejects where a file cannot be had, or the weights are not for one of the named networks. */
export declare function load(options: LoadOptions): Promise<MobileNet>;
