/** Some texts in UTF-8, as words, so that four octets are compared or copied at a time. */
export interface Texts {
  /** Each text begins with a word of its own; octets from the lowest on (little-endian). */
  readonly words: Int32Array;
  /** In octets, of each text. */
  readonly lengths: Int32Array;
  /** In octets, of all texts. */
  readonly total: number;
}

export function textsOf(texts: readonly string[]): Texts {
  const encoded = texts.map((text) => Buffer.from(text));
  const words: number[] = [];
  for (const octets of encoded) {
    const padded = Buffer.alloc(Math.ceil(octets.length / 4) * 4);
    octets.copy(padded);
    for (let at = 0; at < padded.length; at += 4) words.push(padded.readInt32LE(at));
  }
  const lengths = Int32Array.from(encoded, ({ length }) => length);
  return { words: Int32Array.from(words), lengths, total: lengths.reduce((sum, length) => sum + length, 0) };
}

/** Of a text's last word, by how many octets of it are its own. */
export const OWN_OCTETS = Int32Array.of(0, 0xff, 0xffff, 0xffffff);
