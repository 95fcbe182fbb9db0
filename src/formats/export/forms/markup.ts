import type { EntryOctets } from '../../../core/export.js';
import type { Slot } from './slots.js';
import { OWN_OCTETS, textsOf } from './texts.js';

/** The values of an entry; undefined `entry`: there was none yet. */
export interface FoundValues {
  readonly entry: EntryOctets | undefined;
  /** Offsets, for each slot. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** 0: it stands for itself wherever it is put. */
  readonly special: Uint8Array;
  readonly areSpecial: boolean;
}

type Writable<T> = { -readonly [Member in keyof T]: T[Member] };

/** What stands around the values of an entry; finds those of others where the same stands around them. */
export interface Markup {
  /** By one look at each octet. Undefined: it is written otherwise. What is given is good until it is asked again. */
  find(entry: EntryOctets): FoundValues | undefined;
}

/** What does not stand for itself in XML, or in JSON. */
const SPECIAL = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet < 0x20 || '"&\\'.includes(String.fromCharCode(octet)) ? 1 : 0,
);
const SPACE = 0x20;

/** As columns have it (`USUAL_INSTANT`): 9 is any digit, and 5 one up to that. */
const INSTANT = Buffer.from('9999-99-99T99:99:59.999Z');
const ZERO = 0x30;
const NINE = 0x39;

export function markupOf(xml: string, slots: readonly Slot[]): Markup {
  const count = slots.length;
  const { words, lengths } = textsOf(
    [...slots, { start: xml.length }].map(({ start }, n) => xml.slice(slots[n - 1]?.end ?? 0, start)),
  );
  const quotes = Uint8Array.from(slots, ({ end }) => xml.charCodeAt(end));
  const kinds = slots.map(({ kind }) => kind);
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  const special = new Uint8Array(count);
  // The same for all entries: an export makes few objects for each.
  const found: Writable<FoundValues> = { entry: undefined, starts, ends, special, areSpecial: false };
  return {
    find(entry) {
      const { all, view, end } = entry;
      let at = entry.xml;
      let word = 0;
      let areSpecial = false;
      for (let slot = 0; ; slot++) {
        const textEnd = at + (lengths[slot] ?? 0);
        if (textEnd > end) return undefined;
        for (; at + 4 <= textEnd; at += 4, word++) if (view.getInt32(at, true) !== words[word]) return undefined;
        if (at < textEnd) {
          const differing = view.getInt32(at, true) ^ (words[word] ?? 0);
          if ((differing & (OWN_OCTETS[textEnd - at] ?? 0)) !== 0) return undefined;
          word += 1;
          at = textEnd;
        }
        if (slot === count) break;
        const begin = at;
        const quote = quotes[slot];
        let marks = 0;
        for (; at < end; at++) {
          const octet = all[at] ?? 0;
          if (octet === quote) break;
          marks |= SPECIAL[octet] ?? 0;
        }
        const kind = kinds[slot];
        // Nothing, and nothing but white space, may mean something else.
        if (at === begin || (marks === 0 && all[begin] === SPACE)) return undefined;
        if (kind === 'instant' && !isInstant(all, begin, at)) return undefined;
        starts[slot] = begin;
        ends[slot] = at;
        special[slot] = kind === 'json' ? 1 : marks;
        areSpecial ||= special[slot] !== 0;
      }
      if (at !== end) return undefined;
      found.entry = entry;
      found.areSpecial = areSpecial;
      return found;
    },
  };
}

function isInstant(octets: Buffer, start: number, end: number): boolean {
  if (end - start !== INSTANT.length) return false;
  for (let n = 0; n < INSTANT.length; n++) {
    const octet = octets[start + n] ?? 0;
    const wanted = INSTANT[n] ?? 0;
    const isDigit = wanted >= ZERO && wanted <= NINE;
    if (isDigit ? octet < ZERO || octet > wanted : octet !== wanted) return false;
  }
  return true;
}
