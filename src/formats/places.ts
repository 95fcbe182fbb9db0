/** A place in a text, both 1-based, the column in characters (code points). */
export interface Place {
  readonly line: number;
  readonly column: number;
}

const LF = 0x0a;
const CR = 0x0d;
/** Characters between two places that a finder remembers. */
const STRIDE = 4_096;

export function placeOf(source: string, offset: number): Place {
  return advance(source, 0, START, offset);
}

/** The places of ascending offsets, in one pass. */
export function placesOf(source: string, offsets: readonly number[]): Place[] {
  let at = 0;
  let place = START;
  return offsets.map((offset) => {
    place = advance(source, at, place, offset);
    at = Math.max(at, offset);
    return place;
  });
}

/** Finds places in any order; the text is walked through once at most, and for each a few thousand characters. */
export function placeFinder(source: string): (offset: number) => Place {
  const known: Place[] = [START];
  return (offset) => {
    const stride = Math.floor(Math.min(offset, source.length) / STRIDE);
    while (known.length <= stride) {
      const last = known.length - 1;
      known.push(advance(source, last * STRIDE, known[last] ?? START, (last + 1) * STRIDE));
    }
    return advance(source, stride * STRIDE, known[stride] ?? START, offset);
  };
}

const START: Place = { line: 1, column: 1 };

function advance(source: string, from: number, { line, column }: Place, to: number): Place {
  for (let at = from, stop = Math.min(to, source.length); at < stop; at++) {
    const code = source.charCodeAt(at);
    if (code === LF || (code === CR && source.charCodeAt(at + 1) !== LF)) {
      line++;
      column = 1;
    } else if ((code & 0xfc00) !== 0xdc00) {
      column++;
    }
  }
  return { line, column };
}
