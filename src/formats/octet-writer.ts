import { WORD, viewOf } from '../core/utf8.js';

/** Longer texts are handed to Node, which takes as long for it as for so many characters one by one. */
const SHORT = 32;

/** Room for the worst that the characters of a longer one can be would be large. */
const LONG = 4 * 1024;

const ZERO = 0x30;

/** Octets that are written one behind the other, into room that grows. They may be written by words: behind them there is always room for one. */
export class OctetWriter {
  octets: Buffer;
  /** Of the same room. */
  view: DataView;
  length = 0;

  constructor(room: number) {
    this.octets = Buffer.allocUnsafeSlow(room + WORD);
    this.view = viewOf(this.octets);
  }

  /** Room for so many octets more, and a word. */
  ensure(more: number): void {
    const wanted = this.length + more + WORD;
    if (wanted <= this.octets.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.octets.length, wanted));
    this.octets.copy(larger, 0, 0, this.length);
    this.octets = larger;
    this.view = viewOf(larger);
  }

  /** In UTF-8. */
  text(text: string): void {
    // A character takes three octets at most.
    this.ensure(text.length > LONG ? Buffer.byteLength(text) : 3 * text.length);
    if (text.length > SHORT || !this.ascii(text)) this.length += this.octets.write(text, this.length);
  }

  /** False: it is none, and nothing was written. */
  private ascii(text: string): boolean {
    const { octets, length } = this;
    for (let n = 0; n < text.length; n++) {
      const code = text.charCodeAt(n);
      if (code > 0x7f) return false;
      octets[length + n] = code;
    }
    this.length = length + text.length;
    return true;
  }

  /** A whole number that is not negative. */
  integer(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest /= 10) digits += 1;
    this.ensure(digits);
    this.length += digits;
    for (let at = this.length - 1, rest = value; at >= this.length - digits; at--) {
      this.octets[at] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }

  /** What was written, to be kept, in room that is not much larger; the next is written into other room. */
  take(room: number): Uint8Array {
    const { octets, length } = this;
    const written =
      2 * length < octets.length ? new Uint8Array(octets.subarray(0, length)) : octets.subarray(0, length);
    this.octets = Buffer.allocUnsafeSlow(room + WORD);
    this.view = viewOf(this.octets);
    this.length = 0;
    return written;
  }
}
