import type { Expression } from './expression.js';
import { patternSamples } from './pattern-samples.js';
import { type BuiltIn, type SimpleType, derivesFrom, primitiveOf } from './simple-types.js';
import { isValue } from './simple-values.js';

/** Values of the built-in types as they may occur in an event. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  string: ['text', 'a'],
  boolean: ['true'],
  decimal: ['1', '0', '-1', '0.5', '10', '100'],
  float: ['1', '0.5', '-1'],
  double: ['1', '0.5', '-1'],
  duration: ['PT1H'],
  dateTime: ['2026-01-15T12:00:00Z', '2026-01-15T12:00:00'],
  time: ['12:00:00Z', '12:00:00'],
  date: ['2026-01-15'],
  gYearMonth: ['2026-01'],
  gYear: ['2026'],
  gMonthDay: ['--01-15'],
  gDay: ['---15'],
  gMonth: ['--01'],
  hexBinary: ['0A'],
  base64Binary: ['YWJj'],
  anyURI: ['https://example.org/'],
  QName: ['name'],
};

const MAX_LENGTH = 1000;
const MAX_ITEMS = 100;

/** A value that is likely to be one of the type; undefined when none is found. */
export function exampleValue(type: SimpleType): string | undefined {
  const candidates = samplesOf(type);
  return (
    candidates.find((text) => isValue(text, type) === true) ?? candidates.find((text) => isValue(text, type) !== false)
  );
}

function samplesOf(type: SimpleType): readonly string[] {
  if (type.kind === 'except') return samplesOf(type.of);
  const { enumeration, patterns = [] } = type.facets;
  if (enumeration !== undefined) return enumeration;
  const ofPatterns = patterns.flatMap((step) => step.flatMap(patternSamples));
  if (type.kind === 'union') return [...ofPatterns, ...type.of.flatMap((part) => exampleValue(part) ?? [])];
  if (type.kind === 'list') {
    const items = shortestRow(type.items);
    return [...(items === undefined ? [] : [items.join(' ')]), ...ofPatterns];
  }
  const samples = builtInSamples(type.base);
  return [...ofPatterns, ...boundSamples(type), ...samples.flatMap((sample) => [...ofLength(sample, type), sample])];
}

function builtInSamples(base: BuiltIn): readonly string[] {
  if (base === 'language') return ['en'];
  return SAMPLES[primitiveOf(base)] ?? [];
}

/** Values at the bounds; a whole number beside one that is excluded. */
function boundSamples({ base, facets: { min, max } }: SimpleType & { kind: 'atomic' }): string[] {
  const beside = (text: string, by: bigint): string[] =>
    /^[+-]?\d+$/u.test(text) ? [String(BigInt(text.replace('+', '')) + by)] : [];
  const real = derivesFrom(base, 'integer') ? [] : [min?.value, max?.value].flatMap((text) => halfway(text));
  return [
    ...(min === undefined ? [] : [...(min.exclusive ? [] : [min.value]), ...beside(min.value, 1n)]),
    ...(max === undefined ? [] : [...(max.exclusive ? [] : [max.value]), ...beside(max.value, -1n)]),
    ...real,
  ];
}

function halfway(text: string | undefined): string[] {
  const number = Number(text);
  return text === undefined || Number.isNaN(number) ? [] : [String(number + 0.01), String(number - 0.01)];
}

/** The sample cut or drawn out to the length that the facets want. */
function ofLength(sample: string, { base, facets }: SimpleType & { kind: 'atomic' }): string[] {
  const { minLength = 0, maxLength = Infinity } = facets;
  if (minLength > MAX_LENGTH) return [];
  const unit = primitiveOf(base);
  if (unit === 'hexBinary' && minLength > 0) return ['0A'.repeat(minLength)];
  if (unit === 'base64Binary' && minLength > 0) return [btoa('a'.repeat(minLength))];
  if (sample.length > maxLength) return [sample.slice(0, maxLength)];
  return sample.length < minLength ? [sample + 'x'.repeat(minLength - sample.length)] : [];
}

function shortestRow(items: Expression<SimpleType>): string[] | undefined {
  switch (items.kind) {
    case 'none':
      return undefined;
    case 'empty':
      return [];
    case 'symbol': {
      const value = exampleValue(items.symbol);
      return value === undefined ? undefined : [value];
    }
    case 'sequence':
      return together([items.first, items.rest]);
    case 'interleave':
      return together(items.of);
    case 'choice':
      return items.of.map(shortestRow).find((row) => row !== undefined);
    case 'repeat': {
      const count = Math.max(items.min, Math.min(1, items.max));
      const row = count > MAX_ITEMS ? undefined : shortestRow(items.of);
      return row && Array.from({ length: count }, () => row).flat();
    }
  }
}

function together(parts: readonly Expression<SimpleType>[]): string[] | undefined {
  const rows = parts.map(shortestRow);
  return rows.every((row) => row !== undefined) ? rows.flat() : undefined;
}
