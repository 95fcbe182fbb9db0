import type { EntryOctets } from '../../../core/export.js';
import { toUtf8 } from '../../../core/utf8.js';
import type { Utf8 } from '../../../core/utf8.js';
import { jsonPayload } from '../../json/json-payload.js';
import { isSpace } from '../../xml/xml-tree.js';
import type { OctetWriter } from '../../octet-writer.js';
import { onOneLine } from '../entry-row.js';
import type { FoundValues } from './markup.js';
import type { Mould, Writing } from './mould.js';
import { valueOf } from './slots.js';
import type { SlotKind } from './slots.js';

/** Puts the values of an entry into moulds. */
export interface ValueWriter {
  /** Takes the values that are to be written next. False: one of them may mean something else than what stood there when the form was learned. */
  readonly take: (found: FoundValues) => boolean;
  readonly write: (mould: Mould, to: OctetWriter) => void;
}

/** A value that does not stand for itself, in the ways in which it may have to be written. */
type Readings = Readonly<Record<Writing, Utf8>>;

interface Special {
  /** As it stands in entries. */
  readonly written: Buffer;
  /** Null: it may mean something else. */
  readonly readings: Readings | null;
}

export function valueWriter(kinds: readonly SlotKind[]): ValueWriter {
  /** Of each slot the last one: names with an ampersand in them come again and again. */
  const specials: (Special | undefined)[] = kinds.map(() => undefined);
  let found: FoundValues | undefined;
  return {
    take(values) {
      found = values;
      return (
        !values.areSpecial || kinds.every((kind, slot) => values.special[slot] === 0 || isKnown(values, slot, kind))
      );
    },
    write({ texts: { words, lengths, total }, slots, writings, most }, to) {
      if (found?.entry === undefined) throw new Error('there are no values');
      const { starts, ends, special } = found;
      const entry = found.entry;
      const enough = total + most * (entry.end - entry.xml);
      to.ensure(enough);
      let { view, end: at } = to;
      let word = 0;
      for (let n = 0; n < lengths.length; n++) {
        const textEnd = at + (lengths[n] ?? 0);
        for (; at < textEnd; at += 4, word++) view.setInt32(at, words[word] ?? 0, true);
        // What was written too many is written over.
        at = textEnd;
        const slot = slots[n];
        if (slot === undefined) break;
        const isPlain = special[slot] === 0;
        const reading = isPlain ? undefined : specials[slot]?.readings?.[writings[n] ?? 'written'];
        const source = reading?.view ?? entry.view;
        let from = isPlain ? (starts[slot] ?? 0) : 0;
        const valueEnd = at + (isPlain ? (ends[slot] ?? 0) - from : (reading?.end ?? 0));
        if (!isPlain) {
          // It may be longer than it was written.
          to.end = at;
          to.ensure(valueEnd - at + enough);
          ({ view } = to);
        }
        for (; at < valueEnd; at += 4, from += 4) view.setInt32(at, source.getInt32(from, true), true);
        at = valueEnd;
      }
      to.end = at;
    },
  };

  function isKnown({ entry, starts, ends }: FoundValues, slot: number, kind: SlotKind): boolean {
    const start = starts[slot] ?? 0;
    const end = ends[slot] ?? 0;
    const last = specials[slot];
    if (entry === undefined) return false;
    if (last !== undefined && areSame(last.written, entry, start, end)) return last.readings !== null;
    const written = Buffer.from(entry.all.subarray(start, end));
    const readings = readingsOf(kind, written.toString());
    specials[slot] = { written, readings };
    return readings !== null;
  }
}

function areSame(one: Buffer, { all }: EntryOctets, start: number, end: number): boolean {
  if (one.length !== end - start) return false;
  for (let n = 0; n < one.length; n++) if (one[n] !== all[start + n]) return false;
  return true;
}

const EMPTY = toUtf8('');

function readingsOf(kind: SlotKind, written: string): Readings | null {
  const value = valueOf(kind, written);
  if (kind === 'json') {
    const payload = jsonPayload(value);
    if (payload === undefined) return null;
    const none = { written: EMPTY, 'written, in JSON': EMPTY, value: EMPTY, 'value, in JSON': EMPTY };
    return { ...none, payload: toUtf8(onOneLine(payload)) };
  }
  if (isSpace(value)) return null;
  return {
    written: toUtf8(written),
    'written, in JSON': toUtf8(inJson(written)),
    value: toUtf8(value),
    'value, in JSON': toUtf8(inJson(value)),
    payload: EMPTY,
  };
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
