import { compress, init } from '@bokuweb/zstd-wasm';
import { breather } from './slices.js';

/** So many octets at most are compressed at once: some milliseconds. The window of a frame is never larger (RFC 9659: 8 MB at most). */
const FRAME = 1024 * 1024;
/** So many of a stream make a frame: smaller ones compress much worse. */
const GATHERED = 512 * 1024;

/** Quickly rather than small: a reader waits for it. */
const LEVEL = 1;

/** As frames, one after the other, which are one stream (RFC 8878 §3); other work comes in between. */
export type Zstd = (octets: Uint8Array) => Promise<Uint8Array>;

let loaded: Promise<void> | undefined;

/** To be loaded once it is wanted: it is a quarter of a megabyte of WebAssembly. Node has it from 22.15 on only. */
export async function loadZstd(): Promise<Zstd> {
  await (loaded ??= init());
  const breathe = breather();
  return async (octets) => {
    const frames: Uint8Array[] = [];
    for (let at = 0; at < octets.length; at += FRAME) {
      await breathe();
      frames.push(compress(octets.subarray(at, at + FRAME), LEVEL));
    }
    const [only = Buffer.alloc(0)] = frames;
    return frames.length > 1 ? Buffer.concat(frames) : only;
  };
}

/** A stream of texts and octets in the content coding `zstd`. */
export async function* zstdCoded(parts: AsyncIterable<string | Uint8Array>): AsyncGenerator<Uint8Array> {
  const zstd = await loadZstd();
  let held: Uint8Array[] = [];
  let octets = 0;
  for await (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    held.push(bytes);
    octets += bytes.length;
    if (octets < GATHERED) continue;
    yield zstd(Buffer.concat(held));
    held = [];
    octets = 0;
  }
  if (octets > 0) yield zstd(Buffer.concat(held));
}
