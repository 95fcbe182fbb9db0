import type { ContentValue } from '../core/content-columns.js';
import type { ColumnType } from '../core/contract.js';
import { toInstantMs } from '../formats/dates.js';

/**
 * A value of the content by what is written there, whether as a text or as JSON's number or boolean; null where there is none, or it
 * does not read as the type. Numbers, booleans and times may have white space around them (XML Schema part 2 §4.3.6).
 */
export function typedValue(text: string | undefined, type: ColumnType): ContentValue {
  if (text === undefined) return null;
  switch (type) {
    case 'string':
      return text;
    case 'integer':
      return integerOf(text.trim());
    case 'number':
      return numberOf(text.trim());
    case 'boolean':
      return BOOLEANS.get(text.trim()) ?? null;
    case 'timestamp':
      return instantOf(text.trim());
  }
}

/** XML Schema part 2 §3.2.2 */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** What is longer cannot be one of 64 bits, save by zeros at its beginning. */
const INTEGER = /^([+-]?)0*(\d{1,19})(?:\.0*)?$/;

function integerOf(text: string): bigint | null {
  const [, sign, digits] = INTEGER.exec(text) ?? [];
  if (digits === undefined) return null;
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits);
  return value === BigInt.asIntN(64, value) ? value : null;
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

function numberOf(text: string): number | null {
  if (!NUMBER.test(text)) return null;
  const value = Number(text);
  // A zero has no sign: what says the least of a column of a file could not tell which it is.
  return Number.isFinite(value) ? value + 0 : null;
}

/** In UTC, to the millisecond; null where that is in no year of four digits. Without an offset it is no instant. */
function instantOf(text: string): string | null {
  const ms = toInstantMs(text);
  const instant = ms === undefined ? '' : new Date(ms).toISOString();
  return /^\d/.test(instant) ? instant : null;
}
