import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import type { LogState } from '../core/epoch.js';
import type { Position } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import { quoted } from './tags.js';
import type { Coding } from '../formats/negotiate.js';
import type { Headers } from './respond.js';

/** A page as it was rendered: its bytes, and compressed once for those who accept that. */
export interface RenderedPage {
  readonly tag: string;
  /** All headers but ETag, Content-Encoding and Content-Length. */
  readonly headers: Headers;
  readonly body: Buffer;
  /** What it was rendered from. */
  readonly epoch: string;
  readonly head: Position;
  readonly firstKept: Position;
  readonly settingsVersion: number;
  /** The next entry does not change it. */
  readonly closed: boolean;
  readonly coded: Partial<Record<Coding, CodedBody | Promise<CodedBody>>>;
}

/** Bytes to send as they are, with the headers that belong to them. */
export interface CodedBody {
  readonly headers: Headers;
  readonly body: Buffer;
}

export interface PageCache {
  /** A kept page, if it is still what the feed would give now. */
  find(key: string, feed: Feed, log: LogState): RenderedPage | undefined;
  keep(key: string, page: RenderedPage): void;
  readonly bytes: number;
}

/** Smaller bodies are sent as they are. */
const WORTH_COMPRESSING = 1_000;
/** Room for what is compressed later, as a share of the body. */
const OVERHEAD = 1_024;

export function makePageCache(maxBytes: number): PageCache {
  const pages = new LRUCache<string, RenderedPage>({
    maxSize: Math.max(1, maxBytes),
    // One page may not take the room of all others.
    maxEntrySize: Math.max(1, Math.floor(maxBytes / 8)),
    sizeCalculation: (page, key) => Math.ceil(page.body.length * 1.4) + key.length * 2 + OVERHEAD,
  });
  return {
    find(key, feed, log) {
      const page = pages.get(key);
      if (page === undefined) return undefined;
      const same =
        page.epoch === log.epochs.current &&
        page.firstKept === log.firstKept &&
        page.settingsVersion === feed.settingsVersion;
      // A page that is newer than what this node has heard of is not taken back.
      return same && (page.closed || page.head >= log.head) ? page : undefined;
    },
    keep(key, page) {
      pages.set(key, page);
    },
    get bytes() {
      return pages.calculatedSize;
    },
  };
}

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);

/** The coding that a page is sent in when the client prefers this one. */
export function codingOf(page: Pick<RenderedPage, 'body'>, wanted: Coding): Coding {
  return page.body.length < WORTH_COMPRESSING ? 'identity' : wanted;
}

/** The page's bytes in the coding; compressed at the first call and kept with the page. */
export function inCoding(
  page: Pick<RenderedPage, 'tag' | 'headers' | 'body' | 'coded'>,
  wanted: Coding,
): CodedBody | Promise<CodedBody> {
  const coding = codingOf(page, wanted);
  const known = page.coded[coding];
  if (known !== undefined) return known;
  const headers = [...page.headers, 'etag', quoted(page.tag, coding)];
  if (coding === 'identity') {
    const plain = { headers, body: page.body };
    page.coded.identity = plain;
    return plain;
  }
  headers.push('content-encoding', coding);
  const compressed =
    coding === 'gzip'
      ? gzipAsync(page.body, { level: 3 })
      : brotliAsync(page.body, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_SIZE_HINT]: page.body.length },
        });
  const coded = compressed.then((body) => {
    const ready = { headers, body };
    page.coded[coding] = ready;
    return ready;
  });
  page.coded[coding] = coded;
  return coded;
}
