import type { Request } from 'express';
import { FeedsError } from '../core/errors.js';
import { FORMATS, FORMAT_NAMES } from '../formats/media-types.js';
import type { Format } from '../formats/media-types.js';
import { parameter } from './parameters.js';
import { offer, preferred } from '../formats/negotiate.js';
import type { Offer } from '../formats/negotiate.js';

/** What a page can be had as, the preferred first. */
const PAGE_OFFERS = offersOf('page');
/** What an entry can be had as. */
const ENTRY_OFFERS = offersOf('entry');
/** What a publisher can be answered in, by what it has sent: that is preferred. */
const ANSWER_OFFERS = { page: answersTo(PAGE_OFFERS), entry: answersTo(ENTRY_OFFERS) };

function answersTo(offers: readonly Offer<Format>[]): ReadonlyMap<Format, readonly Offer<Format>[]> {
  const answers = offers.filter(({ name }) => FORMATS[name].publish.length > 0);
  return new Map(answers.map((sent) => [sent.name, [sent, ...answers.filter((other) => other !== sent)]] as const));
}

function offersOf(what: 'page' | 'entry'): Offer<Format>[] {
  return FORMAT_NAMES.flatMap((name) => {
    const { [what]: type, aliases } = FORMATS[name];
    return type === undefined ? [] : [offer(name, type, aliases)];
  });
}

/**
 * The representation that the request asks for: by `?format=`, else by its Accept (RFC 9110 §12.5.1). Throws
 * `not-acceptable`, which tells all that there is, or `bad-parameter`.
 */
export function pageFormat(req: Request): Format {
  return chosen(req, PAGE_OFFERS);
}

export function entryFormat(req: Request): Format {
  return chosen(req, ENTRY_OFFERS);
}

/** The representation to answer a publisher in: what it accepts, and where it does not say, what it has sent. */
export function answerFormat(req: Request, what: 'page' | 'entry', sent: Format): Format {
  return chosen(req, ANSWER_OFFERS[what].get(sent) ?? []);
}

/** Of other offers than those of pages and entries, by name. */
export function chosen<Name extends string>(req: Request, offers: readonly Offer<Name>[]): Name {
  const { accept } = req.headers;
  const asked = formatParameter(req.url);
  if (asked !== undefined) {
    const found = offers.find(({ name }) => name === asked);
    if (found !== undefined) return found.name;
    const names = offers.map(({ name }) => name).join(', ');
    throw new FeedsError('bad-parameter', `format "${asked.slice(0, 32)}" is not to be had here; there are ${names}`);
  }
  const [first] = offers;
  if (first !== undefined && (accept === undefined || accept === '*/*')) return first.name;
  const format = preferred(accept, offers);
  if (format !== undefined) return format;
  throw notAcceptable(offers);
}

/** The refusal of an Accept, with all that there is (RFC 9110 §15.5.7). */
function notAcceptable(offers: readonly Offer<string>[]): FeedsError {
  const available = offers.map(({ type: { type } }) => type);
  return new FeedsError(
    'not-acceptable',
    `this can be had as ${available.join(', ')}; the Accept header takes none of these`,
    { extensions: { available } },
  );
}

/** The value of `format=` in a URL; an empty parameter is an absent one. */
export function formatParameter(url: string): string | undefined {
  return url.includes('format=') ? parameter(url, 'format') : undefined;
}
