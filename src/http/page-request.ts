import { FeedsError } from '../core/errors.js';
import { DEFAULT_LIMIT, MOST_ENTRIES } from '../core/page.js';
import type { Marker, PageRequest } from '../core/page.js';
import { SEALED } from '../core/seal.js';
import { parseSearch } from '../core/search.js';
import { isRfc3339 } from '../formats/dates.js';
import { single } from './parameters.js';

const HEAD: PageRequest = {
  limit: DEFAULT_LIMIT,
  limitGiven: false,
  marker: undefined,
  direction: 'forward',
  startingAt: undefined,
  search: undefined,
  format: undefined,
};

/**
 * What page is asked for. An empty parameter is an absent one; unknown ones are ignored; one of ours given twice is
 * refused. Rejects with `bad-parameter`, `bad-marker` or `bad-search`.
 */
export function readPageRequest(query: string): PageRequest {
  if (query === '') return HEAD;
  const parameters = new URLSearchParams(query);
  const limitText = single(parameters, 'limit');
  const markerText = single(parameters, 'marker');
  // A space is the `+` of an offset that the client forgot to encode.
  const startingAt = single(parameters, 'startingAt')?.replaceAll(' ', '+');
  const search = single(parameters, 'search');
  const directionText = single(parameters, 'direction');

  if (startingAt !== undefined && markerText !== undefined) {
    throw new FeedsError(
      'bad-parameter',
      '"marker" and "startingAt" both name a place to start from; give one of them',
    );
  }
  if (startingAt !== undefined && !isRfc3339(startingAt)) {
    throw new FeedsError(
      'bad-parameter',
      `startingAt "${startingAt.slice(0, 64)}" is no RFC 3339 time such as 2026-03-12T10:00:00Z`,
    );
  }
  return {
    limit: limitText === undefined ? DEFAULT_LIMIT : readLimit(limitText),
    limitGiven: limitText !== undefined,
    marker: markerText === undefined ? undefined : readMarker(markerText, query, single(parameters, 'epoch')),
    direction: directionText === undefined ? 'forward' : readDirection(directionText),
    startingAt,
    search: search === undefined ? undefined : parseSearch(search),
    format: single(parameters, 'format'),
  };
}

function readLimit(text: string): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MOST_ENTRIES) {
    throw new FeedsError(
      'bad-parameter',
      `limit "${text.slice(0, 32)}" is no number from 1 to ${String(MOST_ENTRIES)}`,
    );
  }
  return limit;
}

function readDirection(text: string): 'forward' | 'backward' {
  if (text !== 'forward' && text !== 'backward') {
    throw new FeedsError('bad-parameter', `direction "${text.slice(0, 32)}" is neither "forward" nor "backward"`);
  }
  return text;
}

/**
 * A position has digits only, and fewer than would overflow Postgres' bigint. An id has no white space: a space in it is
 * the `+` that a client forgot to encode, or the id was not encoded at all and has percent signs of its own.
 */
function readMarker(text: string, query: string, epoch: string | undefined): Marker {
  if (text === 'last') return { kind: 'last' };
  if (SEALED.test(text)) return { kind: 'sealed', text };
  if (/^\d{1,18}$/.test(text)) return { kind: 'position', position: BigInt(text), epoch };
  if (/^\d+$/.test(text))
    throw new FeedsError('bad-marker', `marker "${text.slice(0, 64)}" is no position: it has more than 18 digits`);
  const atomId = text.replaceAll(' ', '+');
  if (Buffer.byteLength(text) > 1_024 || /[\0-\x20\x7f]/.test(atomId)) {
    throw new FeedsError('bad-marker', 'the marker is neither "last", a position (digits), nor the id of an entry');
  }
  return { kind: 'entry', atomId, asSent: /(?:^|&)marker=([^&]+)/.exec(query)?.[1] ?? atomId };
}
