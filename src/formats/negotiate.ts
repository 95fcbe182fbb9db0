import { parseMediaType } from './media-types.js';
import type { MediaType } from './media-types.js';

/** Something that can be had as a media type. */
export interface Offer<Name extends string> {
  readonly name: Name;
  readonly type: MediaType;
  /** Other media types that get it too when they are asked for by their names. */
  readonly aliases: readonly MediaType[];
}

/** An offer of the media type given; a charset is that of the answer. Throws for what is no media type. */
export function offer<Name extends string>(name: Name, type: string, aliases: readonly string[] = []): Offer<Name> {
  return { name, type: knownType(type), aliases: aliases.map(knownType) };
}

function knownType(text: string): MediaType {
  const type = parseMediaType(text);
  if (type === undefined) throw new Error(`"${text}" is no media type`);
  return type;
}

interface MediaRange extends MediaType {
  readonly quality: number;
}

/**
 * Which of the offers the header prefers (RFC 9110 §12.5.1): the highest quality, where the most specific range that
 * fits an offer gives its quality; between equals one that is named before one that a wildcard takes, then the first
 * offer. A range with parameters fits what has the same ones; as all that we send is UTF-8, `charset=utf-8` fits
 * everything. Undefined: none is acceptable.
 */
export function preferred<Name extends string>(
  accept: string | undefined,
  offers: readonly Offer<Name>[],
): Name | undefined {
  // RFC 9110 §12.5.1: without the header anything will do. Nor can a client live with nothing at all.
  if (accept === undefined || accept.trim() === '') return offers[0]?.name;
  const ranges = rangesOf(accept);
  let best: Name | undefined;
  let bestAppeal = NO_APPEAL;
  for (const one of offers) {
    const appeal = appealOf(one, ranges);
    if (!isMore(appeal, bestAppeal)) continue;
    best = one.name;
    bestAppeal = appeal;
  }
  return best;
}

interface Appeal {
  readonly quality: number;
  /** A range has the media type itself, no wildcard. */
  readonly isNamed: boolean;
}

/** Nothing of quality 0 is more than this. */
const NO_APPEAL: Appeal = { quality: 0, isNamed: true };

function isMore(one: Appeal, other: Appeal): boolean {
  if (one.quality !== other.quality) return one.quality > other.quality;
  return one.isNamed && !other.isNamed;
}

function appealOf({ type, aliases }: Offer<string>, ranges: readonly MediaRange[]): Appeal {
  let best = appealOfType(type, ranges);
  // Whatever it is called besides, this is what would be sent.
  if (best.isNamed && best.quality === 0) return best;
  for (const alias of aliases) {
    const appeal = appealOfType(alias, ranges);
    // A wildcard takes the answer by its own type only.
    if (appeal.isNamed && isMore(appeal, best)) best = appeal;
  }
  return best;
}

function appealOfType(offered: MediaType, ranges: readonly MediaRange[]): Appeal {
  let quality = 0;
  let specificity = -1;
  for (const range of ranges) {
    const fits = specificityOf(range, offered);
    if (fits <= specificity) continue;
    specificity = fits;
    quality = range.quality;
  }
  return { quality, isNamed: specificity >= NAMED };
}

/** The least specificity of a range without a wildcard. */
const NAMED = 2;

/** How closely the range names what is offered; -1: it does not. */
function specificityOf(range: MediaRange, offered: MediaType): number {
  for (const [name, value] of range.parameters) {
    const has = offered.parameters.get(name) ?? (name === 'charset' ? 'utf-8' : undefined);
    if (has?.toLowerCase() !== value.toLowerCase()) return -1;
  }
  if (range.type === offered.type) return NAMED + range.parameters.size;
  if (range.type === '*/*') return 0;
  return range.type.endsWith('/*') && offered.type.startsWith(range.type.slice(0, -1)) ? 1 : -1;
}

/** Clients send few different headers; those of the first ones are remembered. */
const MOST_KEPT = 200;
const LONGEST_KEPT = 500;
const kept = new Map<string, readonly MediaRange[]>();

function rangesOf(accept: string): readonly MediaRange[] {
  const known = kept.get(accept);
  if (known !== undefined) return known;
  const ranges = elementsOf(accept).flatMap(parseRange);
  if (kept.size < MOST_KEPT && accept.length <= LONGEST_KEPT) kept.set(accept, ranges);
  return ranges;
}

/** The elements of a list, whose quoted strings may hold commas (RFC 9110 §5.6.1). */
function elementsOf(header: string): string[] {
  return header.match(/(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g) ?? [];
}

const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** What is no media range accepts nothing, and a weight that is none is taken for 0 (RFC 9110 §12.4.2). */
function parseRange(text: string): MediaRange[] {
  // Some clients (Java's HttpURLConnection) mean everything by a lone asterisk.
  const range = parseMediaType(text.replace(/^\s*\*(?=\s*(?:;|$))/, '*/*'));
  if (range === undefined) return [];
  const parameters = new Map(range.parameters);
  const weight = parameters.get('q');
  parameters.delete('q');
  const quality = weight === undefined ? 1 : WEIGHT.test(weight) ? Number(weight) : 0;
  return [{ type: range.type, parameters, quality }];
}

export type Coding = 'identity' | 'gzip' | 'br';

/** The content coding to answer in (RFC 9110 §12.5.3): brotli, gzip or none. */
export function preferredCoding(acceptEncoding: string | undefined): Coding {
  if (acceptEncoding === undefined) return 'identity';
  const known = codings.get(acceptEncoding);
  if (known !== undefined) return known;
  const [chosen] = bestOf(qualitiesOf(acceptEncoding));
  if (codings.size < MOST_KEPT) codings.set(acceptEncoding, chosen);
  return chosen;
}

/** Likewise, of what is coded as it is made: zstd too, where the client names it and likes nothing better. */
export function preferredStreamCoding(acceptEncoding: string | undefined): Coding | 'zstd' {
  if (acceptEncoding === undefined) return 'identity';
  const qualities = qualitiesOf(acceptEncoding);
  const [other, quality] = bestOf(qualities);
  // Whoever takes `*` may never have heard of it.
  const zstd = qualities.get('zstd') ?? 0;
  return zstd > 0 && zstd >= quality ? 'zstd' : other;
}

function bestOf(qualities: ReadonlyMap<string, number>): [coding: Coding, quality: number] {
  const of = (coding: string): number => qualities.get(coding) ?? qualities.get('*') ?? 0;
  const br = of('br');
  const gzip = Math.max(of('gzip'), qualities.get('x-gzip') ?? 0);
  const identity = qualities.get('identity') ?? 0;
  if (br > 0 && br >= gzip && br >= identity) return ['br', br];
  return gzip > 0 && gzip >= identity ? ['gzip', gzip] : ['identity', identity];
}

function qualitiesOf(acceptEncoding: string): ReadonlyMap<string, number> {
  return new Map(acceptEncoding.split(',').map(parseCoding));
}

const codings = new Map<string, Coding>();

function parseCoding(text: string): [coding: string, quality: number] {
  const [coding = '', ...parameters] = text.split(';');
  const weight = parameters
    .map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(parameter)?.[1])
    .find((value) => value !== undefined);
  const quality = weight === undefined ? 1 : Math.min(1, Number(weight));
  return [coding.trim().toLowerCase(), Number.isNaN(quality) ? 0 : quality];
}
