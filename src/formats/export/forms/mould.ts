import type { SlotKind } from './slots.js';
import { textsOf } from './texts.js';
import type { Texts } from './texts.js';

/** How a value stands in a column. */
export type Writing =
  /** As it is written in the entry, in the column's text or within a JSON string of it. */
  | 'written'
  | 'written, in JSON'
  /** With its references resolved. */
  | 'value'
  | 'value, in JSON'
  | 'payload';

/** Texts, and between each two of them the value of a slot. */
export interface Mould {
  /** With marks in the place of values. */
  readonly marked: string;
  readonly texts: Texts;
  /** One fewer than texts. */
  readonly slots: Int32Array;
  readonly writings: readonly Writing[];
  /** How often the value of one slot stands in it at most. */
  readonly most: number;
}

/** No text of ours has such characters (Unicode's Private Use Area); an entry that has some has no form. */
export const MARKED = /[\ue000-\uf8ff]/;
const FIRST_ID = 0xe100;

/** Stands for the value of a slot in an entry. What columns do with `&amp;\` shows how they write the value. */
export function mark(id: number, kind: SlotKind): string {
  const name = `\ue000${String.fromCharCode(FIRST_ID + id)}`;
  if (kind === 'instant') return `${name.padEnd(17, '\ue002')}00.000Z`;
  return kind === 'json' ? `"${name}\ue001"` : `${name}&amp;\\\ue001`;
}

const MARKS =
  /\ue000([\ue100-\uf8ff])(?:\ue002{15}00\.000Z|(&amp;\\\\|&amp;\\|&\\\\|&\\)\ue001)|"\ue000([\ue100-\uf8ff])\ue001"/g;

const WRITINGS: Readonly<Record<string, Writing>> = {
  '&amp;\\': 'written',
  '&amp;\\\\': 'written, in JSON',
  '&\\': 'value',
  '&\\\\': 'value, in JSON',
};

/** Undefined: a mark was taken apart. */
export function mouldOf(marked: string): Mould | undefined {
  const texts: string[] = [];
  const slots: number[] = [];
  const writings: Writing[] = [];
  let at = 0;
  for (const found of marked.matchAll(MARKS)) {
    const [all, id, how, payload] = found;
    texts.push(marked.slice(at, found.index));
    slots.push((id ?? payload ?? '').charCodeAt(0) - FIRST_ID);
    writings.push(payload !== undefined ? 'payload' : how === undefined ? 'written' : (WRITINGS[how] ?? 'written'));
    at = found.index + all.length;
  }
  texts.push(marked.slice(at));
  return texts.some((text) => MARKED.test(text))
    ? undefined
    : { marked, texts: textsOf(texts), slots: Int32Array.from(slots), writings, most: mostOf(slots) };
}

function mostOf(slots: readonly number[]): number {
  const times = new Map<number, number>();
  for (const slot of slots) times.set(slot, (times.get(slot) ?? 0) + 1);
  return Math.max(0, ...times.values());
}

export const NOTHING: Mould = { marked: '', texts: textsOf(['']), slots: new Int32Array(), writings: [], most: 0 };
