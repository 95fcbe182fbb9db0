import type { ContentPlace, Finding } from '../core/contract.js';

/** Values that one rule of a contract may make categories of. */
const MOST_VALUES = 20;

/** The categories that these values of the content make; too many make none, and a finding. */
export function termsFrom(
  prefix: string,
  values: readonly string[],
  place: ContentPlace,
  findings: Finding[],
): string[] {
  const told = values.map((value) => value.trim().replaceAll(/\s+/g, ' ')).filter((value) => value !== '');
  if (told.length <= MOST_VALUES) return told.map((value) => `${prefix}:${value}`);
  const message = `${String(told.length)} values would become "${prefix}:" categories; at most ${String(MOST_VALUES)} are taken`;
  findings.push({ place, message });
  return [];
}
