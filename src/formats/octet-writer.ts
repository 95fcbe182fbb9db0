import { Utf8Room } from '../core/utf8.js';

/** Longer texts are handed to Node, which takes as long for it as for so many characters one by one. */
const SHORT = 32;

/** Room for the worst that the characters of a longer one can be would be large. */
const LONG = 4 * 1024;

const ZERO = 0x30;

/** Writes texts and numbers one behind the other. */
export class OctetWriter extends Utf8Room {
  /** In UTF-8. */
  text(text: string): void {
    // A character takes three octets at most.
    this.ensure(text.length > LONG ? Buffer.byteLength(text) : 3 * text.length);
    if (text.length > SHORT || !this.ascii(text)) this.end += this.all.write(text, this.end);
  }

  /** False: it is none, and nothing was written. */
  private ascii(text: string): boolean {
    const { all, end } = this;
    for (let n = 0; n < text.length; n++) {
      const code = text.charCodeAt(n);
      if (code > 0x7f) return false;
      all[end + n] = code;
    }
    this.end = end + text.length;
    return true;
  }

  /** A whole number that is not negative. */
  integer(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest /= 10) digits += 1;
    this.ensure(digits);
    this.end += digits;
    for (let at = this.end - 1, rest = value; at >= this.end - digits; at--) {
      this.all[at] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }

  /** What was written, to be kept, in room that is not much larger. Nothing more can be written. */
  taken(): Uint8Array {
    const written = this.all.subarray(0, this.end);
    return 2 * this.end < this.all.length ? new Uint8Array(written) : written;
  }
}
