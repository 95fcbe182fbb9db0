/** Octets that are read by words: behind their end there is room for one. */
const WORD = 4;

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

/** Room for octets that come one behind the other. It grows, and can be used again. */
export class Utf8Room implements Utf8 {
  all: Buffer;
  view: DataView;
  end = 0;

  constructor(octets: number) {
    this.all = Buffer.allocUnsafeSlow(octets + WORD);
    this.view = viewOf(this.all);
  }

  /** Room for so many octets more, and a word. */
  ensure(more: number): void {
    const wanted = this.end + more + WORD;
    if (wanted <= this.all.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.all.length, wanted));
    this.all.copy(larger, 0, 0, this.end);
    this.all = larger;
    this.view = viewOf(larger);
  }

  add(octets: Uint8Array): void {
    this.ensure(octets.length);
    this.all.set(octets, this.end);
    this.end += octets.length;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
