/** Octets that are read by words: behind their end there is room for one. */
export const WORD = 4;

/** Text in UTF-8, maybe among other things. */
export interface Utf8 {
  /** All there is, and a word. */
  readonly all: Buffer;
  /** Of the same octets. */
  readonly view: DataView;
  /** Where the text ends. */
  readonly end: number;
}

export function toUtf8(text: string): Utf8 {
  const end = Buffer.byteLength(text);
  const all = Buffer.allocUnsafe(end + WORD);
  all.write(text);
  return { all, view: viewOf(all), end };
}

/** Some octets, one behind the other. */
export function joined(pieces: readonly Uint8Array[]): Utf8 {
  const end = pieces.reduce((sum, { length }) => sum + length, 0);
  const all = Buffer.concat(pieces, end + WORD);
  return { all, view: viewOf(all), end };
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
