import type { Request } from 'express';
import type { EntryDraft } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import type { Feed } from '../core/feed.js';
import { atomTeller } from '../formats/atom/atom-places.js';
import { readEntry, readFeedDocument } from '../formats/atom/atom-read.js';
import { readBinaryCloudEvent } from '../formats/cloud-events/cloud-events-binary.js';
import { binaryEventTeller, eventTeller } from '../formats/cloud-events/event-places.js';
import { readCloudEvent, readCloudEventBatch } from '../formats/cloud-events/cloud-events-read.js';
import type { Dialect } from '../formats/json/json-mapping.js';
import type { Teller } from '../formats/content-places.js';
import { jsonTeller } from '../formats/json/json-places.js';
import { readJsonDocument } from '../formats/json/json-read.js';
import {
  ATOM,
  ATOM_ENTRY,
  ATOM_FEED,
  CLOUD_EVENT,
  CLOUD_EVENTS,
  CLOUD_FEEDS,
  JSON_TYPE,
  PUBLISHED_TYPES,
  parseMediaType,
} from '../formats/media-types.js';
import type { Format, MediaType } from '../formats/media-types.js';
import { inTurn } from './turns.js';
import type { Turns } from './turns.js';

/** What a publisher sends, as its headers tell. */
export interface Submission {
  readonly format: Format;
  /** One entry, or a document whose entries are published as one batch; undefined: the body will tell. */
  readonly kind: 'entry' | 'feed' | undefined;
  /** The drafts in the body, in its order. Throws, or rejects with, `not-well-formed` or `invalid-entry`. */
  readonly read: (body: Buffer, options: SubmissionOptions) => Drafts | Promise<Drafts>;
  /** For a body that was read: where in it stands what a contract complains of. */
  readonly teller: (body: Buffer) => Promise<Teller>;
}

export interface SubmissionOptions {
  readonly feed: Feed;
  /** Links rel="self" below it are ours. */
  readonly ownUrl: string;
  readonly turns: Turns;
}

export interface Drafts {
  readonly kind: 'entry' | 'feed';
  readonly drafts: readonly EntryDraft[];
}

/** How most clients write it. */
const USUAL_TYPES = new Map<string, Submission>([
  [ATOM, atom('entry', undefined)],
  [ATOM_ENTRY, atom('entry', undefined)],
  [ATOM_FEED, atom('feed', undefined)],
]);

/**
 * RFC 5023 §9.2: one entry, or as one batch the entries of a feed document, told apart by the media type; in JSON by the
 * root member. Throws `unsupported-media-type`.
 */
export function submissionOf(req: Request): Submission {
  const header = req.headers['content-type'];
  if (isBinaryEvent(req)) return binaryEvent(req);
  const usual = USUAL_TYPES.get(header ?? '');
  if (usual !== undefined) return usual;
  const mediaType = header === undefined ? undefined : parseMediaType(header);
  switch (mediaType?.type) {
    case ATOM: {
      const kind = mediaType.parameters.get('type')?.toLowerCase() ?? 'entry';
      if (kind === 'entry' || kind === 'feed') return atom(kind, mediaType.parameters.get('charset'));
      break;
    }
    case JSON_TYPE:
      return json('json', mediaType);
    case CLOUD_FEEDS:
      return json('cloudfeeds', mediaType);
    case CLOUD_EVENT:
    case CLOUD_EVENTS:
      return events(mediaType.type === CLOUD_EVENT ? 'entry' : 'feed', mediaType);
    default:
  }
  const sent = header === undefined ? 'the body has no Content-Type' : `the body is sent as "${header.slice(0, 100)}"`;
  throw new FeedsError('unsupported-media-type', `${sent}; what can be published is ${PUBLISHED_TYPES.join(', ')}`);
}

function atom(kind: 'entry' | 'feed', charset: string | undefined): Submission {
  return {
    format: 'atom',
    kind,
    read(body, { feed, ownUrl }) {
      const options = { limits: feed.settings.limits, ownUrl };
      if (kind === 'feed') return readFeedDocument(body, charset, options).then((drafts) => ({ kind, drafts }));
      const draft = readEntry(body, charset, options);
      return draft instanceof Promise ? draft.then((one) => ({ kind, drafts: [one] })) : { kind, drafts: [draft] };
    },
    teller: (body) => atomTeller(body, charset),
  };
}

function json(dialect: Dialect, mediaType: MediaType): Submission {
  refuseOtherCharsets(mediaType);
  return {
    format: dialect,
    kind: undefined,
    read(body, { feed, ownUrl, turns }) {
      const { limits, inlineJson } = feed.settings;
      return inTurn(body.length, turns, () => readJsonDocument(body, dialect, { limits, ownUrl, inlineJson }));
    },
    teller: (body) => jsonTeller(body, dialect),
  };
}

function events(kind: 'entry' | 'feed', mediaType: MediaType): Submission {
  refuseOtherCharsets(mediaType);
  return {
    format: 'cloudevents',
    kind,
    read(body, { feed, ownUrl, turns }) {
      const { limits, inlineJson } = feed.settings;
      const options = { limits, ownUrl, inlineJson };
      return inTurn(body.length, turns, async () => ({
        kind,
        drafts: kind === 'feed' ? await readCloudEventBatch(body, options) : [await readCloudEvent(body, options)],
      }));
    },
    teller: eventTeller,
  };
}

/**
 * CloudEvents HTTP protocol binding §3: what is sent as no event format, but with the attributes of an event in its
 * header, whatever the type of its data. One that forgot its specversion is told so.
 */
function isBinaryEvent({ headers }: Request): boolean {
  const isMeant = headers['ce-id'] !== undefined && headers['ce-type'] !== undefined;
  if (headers['ce-specversion'] === undefined && !isMeant) return false;
  return !/^\s*application\/cloudevents/i.test(headers['content-type'] ?? '');
}

function binaryEvent({ rawHeaders }: Request): Submission {
  return {
    format: 'cloudevents',
    kind: 'entry',
    async read(body, { feed, ownUrl }) {
      const { limits, inlineJson } = feed.settings;
      return { kind: 'entry', drafts: [await readBinaryCloudEvent(rawHeaders, body, { limits, ownUrl, inlineJson })] };
    },
    teller: binaryEventTeller,
  };
}

/** RFC 8259 §8.1: JSON is UTF-8. Its media type has no such parameter, but many clients send it. */
function refuseOtherCharsets({ parameters }: MediaType): void {
  const charset = parameters.get('charset');
  if (charset === undefined || /^utf-?8$/i.test(charset)) return;
  throw new FeedsError('unsupported-media-type', `the charset "${charset.slice(0, 40)}" is not read: JSON is UTF-8`);
}
