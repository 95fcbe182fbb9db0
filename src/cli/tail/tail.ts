import { setTimeout as sleep } from 'node:timers/promises';
import { FeedsError } from '../../core/errors.js';
import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { feedName, feedPath } from '../client/feed-name.js';
import type { FeedName } from '../client/feed-name.js';
import { Refusal } from '../client/refusal.js';
import type { Answer } from '../client/refusal.js';
import { withPatience } from '../client/retry.js';
import { ask } from '../client/server.js';
import type { Server } from '../client/server.js';
import { UsageError } from '../command.js';
import type { Call, Command } from '../command.js';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import { Failure } from '../failures.js';
import { write } from '../output.js';
import { printableLines } from '../printable.js';
import { LINE_FORMATS, acceptFor, readTailPage } from './pages.js';
import type { LineFormat, TailPage } from './pages.js';
import { readPlace, writePlace } from './place.js';

const LAST = 10;
const MOST_LAST = 1000;
const PAGE_ENTRIES = 250;
const EVERY_SECONDS = 1;
const RETRY_SECONDS = 60;

/** Reads `GET /feeds/{workspace}/{feed}` along its `previous` links. */
export const tail: Command = {
  operands: 'WORKSPACE/FEED',
  takes: [1, 1],
  about: `Prints the last entries of a feed, or all from a place on, the oldest first and each once; with --follow it goes on with new ones.

A line is: when it came, title, [categories], id. --json gives a line for each: {"entry": {…}} as in docs/json.md, which
\`millrace publish --ndjson\` takes; a deletion is {"deleted-entry": {…}}. --format atom gives an element for each.

Following survives a server that is away: it is asked again until it answers. A gap (entries that retention took before they were
read) is told on stderr. A place that the log does not have is refused (exit code 5 or 6); Ctrl-C, or a reader that has had
enough (\`| head\`), ends it quietly.`,
  options: {
    last: { short: 'n', value: 'NUMBER', about: `begin with so many of the newest entries (${String(LAST)})` },
    from: {
      value: 'PLACE',
      about: "begin instead at: start, now, behind a position or an entry's id, or at a time (RFC 3339)",
    },
    search: { value: 'SEARCH', about: 'only entries that it finds, by category (docs/search.md): "+order.placed"' },
    follow: { short: 'f', about: 'go on with new entries, until it is ended' },
    every: { value: 'SECONDS', about: `how often to ask for new entries (${String(EVERY_SECONDS)})` },
    state: {
      value: 'FILE',
      about: 'keep the place in FILE, and go on from there the next time; the first time from --from, else start',
    },
    format: { value: 'FORMAT', about: LINE_FORMATS.join(', ') },
    retry: { value: 'SECONDS', about: `without --follow, how long to try again (${String(RETRY_SECONDS)})` },
    ...CLIENT_OPTIONS,
    json: { about: 'the same as --format json; what is refused is JSON on stderr too' },
  },
  examples: [
    'millrace tail shop/orders --follow',
    'millrace tail shop/orders --from start --json | jq -r .entry.title',
    'millrace tail shop/orders --state orders.place --json >> orders.ndjson   # from cron',
  ],
  async run(call) {
    const signal = call.surroundings.interruption();
    try {
      await read(await readingOf(call, signal));
    } catch (error) {
      if (!signal.aborted || (error as Error).name !== 'AbortError') throw error;
    }
  },
};

/** What is to be read, and how. */
interface Reading {
  readonly call: Call;
  readonly server: Server;
  readonly feed: FeedName;
  readonly format: LineFormat;
  readonly search: string | undefined;
  readonly follow: boolean;
  readonly everySeconds: number;
  readonly retrySeconds: number;
  /** Keeps the place. */
  readonly file: string | undefined;
  readonly signal: AbortSignal;
  readonly begin: Beginning;
  /** What the feed's atom:id has to be; null: not known yet. */
  readonly feedId: string | null;
}

interface Beginning {
  /** The first page: what to ask behind the feed's URL. */
  readonly query: string;
  /** It is the newest page, and so many of the newest entries are wanted. */
  readonly last?: number;
  /** Entries that are no longer there were not missed. */
  readonly gapsAreOld?: true;
}

async function readingOf(call: Call, signal: AbortSignal): Promise<Reading> {
  const feed = feedName(call.word(0));
  const search = call.text('search');
  const file = call.text('state');
  const last = call.number('last', { from: 0, to: MOST_LAST });
  const from = call.text('from') ?? (file !== undefined && last === undefined ? 'start' : undefined);
  if (from !== undefined && last !== undefined) throw new UsageError('--from and --last exclude each other');
  const format = call.choice('format', LINE_FORMATS) ?? (call.flag('json') ? 'json' : 'text');
  const place = file === undefined ? undefined : await readPlace(file, feed.text, search);
  return {
    call,
    feed,
    search,
    format,
    file,
    signal,
    follow: call.flag('follow'),
    everySeconds: call.number('every', { from: 1, to: 86_400 }) ?? EVERY_SECONDS,
    retrySeconds: call.number('retry', { from: 0, to: 86_400 }) ?? RETRY_SECONDS,
    server: await connection(call),
    begin: place === undefined ? beginning(from, last ?? LAST, search) : { query: place.next },
    feedId: place?.feedId ?? null,
  };
}

function beginning(from: string | undefined, last: number, search: string | undefined): Beginning {
  const searching = search === undefined ? '' : `&search=${encodeURIComponent(search)}`;
  const query = (parameters: string): string => `?${parameters}${searching}`;
  const forward = `limit=${String(PAGE_ENTRIES)}`;
  if (from === undefined && last > 0) return { query: query(`limit=${String(last)}`), last };
  if (from === undefined || from === 'now') return { query: query('limit=1'), last: 0 };
  if (from === 'start') return { query: query(`marker=0&${forward}`), gapsAreOld: true };
  if (from === 'last') throw new UsageError('"last" is no place; --last NUMBER begins with the newest entries');
  const parameter = /^\d{4}-\d\d-\d\d/.test(from) ? 'startingAt' : 'marker';
  return { query: query(`${parameter}=${encodeURIComponent(from)}&${forward}`) };
}

/**
 * Page after page: for ever, or until what was there when it began has been read. Aborted, it ends behind a page that is printed, its
 * place kept.
 */
async function read(reading: Reading): Promise<void> {
  const { call, format, signal, search, follow, everySeconds } = reading;
  let { query, last, gapsAreOld } = reading.begin;
  let feedId = await feedIdOf(reading);
  /** Of the page that `query` asks for, where it has been asked already. */
  let knownTag: string | undefined;
  /** Where the log ended, which is where a run ends that does not follow. */
  let head: bigint | undefined;
  for (;;) {
    const answer = await pageAt(reading, query, knownTag);
    let atEnd = true;
    if (answer.status !== 304) {
      const page = await pageIn(answer, format);
      feedId = sameFeed(reading, feedId, page);
      if (gapsAreOld !== true) await tellGap(call, answer);
      const lines = last === undefined ? page.lines : await lastLines(reading, last, answer, page);
      // Without a reader there is nothing to read for.
      await write(call.surroundings.stdout, shown(call, format, lines));
      const next = newer(answer, page);
      // A page may show nothing of the stretch that it is of, as a search finds nothing there or its reader may not see it.
      atEnd = page.lines.length === 0 && next === query;
      const place = placeIn(next);
      if (!atEnd && !follow && place !== undefined) {
        head ??= last === undefined ? await headOf(reading) : place;
        atEnd = head !== undefined && place >= head;
      }
      knownTag = next === query ? (answer.headers.get('etag') ?? undefined) : undefined;
      query = next;
      last = gapsAreOld = undefined;
      if (reading.file !== undefined) {
        await writePlace(reading.file, { feed: reading.feed.text, search: search ?? null, feedId, next });
      }
    }
    signal.throwIfAborted();
    if (!atEnd) continue;
    if (!follow) return;
    await sleep(everySeconds * 1000, undefined, { signal });
  }
}

/** So many of the newest: those of the newest page, and of the pages before it where that has fewer. */
async function lastLines(reading: Reading, last: number, answer: Answer, page: TailPage): Promise<readonly string[]> {
  if (last === 0) return [];
  const pages = [page.lines];
  let missing = last - page.lines.length;
  let query = older(answer, page, missing);
  while (missing > 0 && query !== undefined) {
    reading.signal.throwIfAborted();
    const before = await pageAt(reading, query, undefined);
    const { lines, ...more } = await pageIn(before, reading.format);
    pages.unshift(lines);
    missing -= lines.length;
    query = older(before, more, missing);
  }
  return pages.flat();
}

/** What the feed's atom:id has to be. Events do not say it: who keeps a place in them asks for it, once a run. */
async function feedIdOf(reading: Reading): Promise<string | null> {
  if (reading.format !== 'cloudevents' || reading.file === undefined) return reading.feedId;
  return sameFeed(reading, reading.feedId, (await newestPage(reading)).page);
}

/** The last position of the log; undefined for a reader who is not told positions. */
async function headOf(reading: Reading): Promise<bigint | undefined> {
  const { answer, page } = await newestPage(reading);
  return placeIn(newer(answer, page));
}

async function newestPage(reading: Reading): Promise<{ readonly answer: Answer; readonly page: TailPage }> {
  const answer = await pageAt({ ...reading, format: 'id' }, '?limit=1', undefined);
  return { answer, page: await pageIn(answer, 'id') };
}

async function pageAt(reading: Reading, query: string, knownTag: string | undefined): Promise<Answer> {
  const { call, server, feed, format, signal, follow, retrySeconds } = reading;
  const tell = (reason: string): Promise<void> => call.tell(reason);
  const headers = { accept: acceptFor(format), ...(knownTag === undefined ? {} : { 'if-none-match': knownTag }) };
  try {
    return await withPatience({ seconds: follow ? Infinity : retrySeconds, tell, signal }, () =>
      ask(server, 'GET', `${feedPath(feed)}${query}`, { headers, signal, also: [304] }),
    );
  } catch (error) {
    throw explained(error, reading);
  }
}

/** What to do about a place that is refused. */
function explained(error: unknown, { file }: Reading): unknown {
  if (!(error instanceof Refusal)) return error;
  const { code, problem, status } = error;
  if (code !== 'marker-beyond-log' && code !== 'unknown-marker') return error;
  const { lastCommon } = problem;
  const goOn =
    typeof lastCommon === 'number' || typeof lastCommon === 'string'
      ? `What is still the same ends at ${String(lastCommon)}; --from ${String(lastCommon)} goes on there.`
      : 'Begin again by --from start, a position or a time.';
  const other = file === undefined ? '' : ` Take ${file} away first, or name another file.`;
  return new Failure(`${problem.detail}\n${goOn}${other}`, exitCodeOf(status), error);
}

async function pageIn({ body }: Answer, format: LineFormat): Promise<TailPage> {
  try {
    return await readTailPage(format, body);
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    throw new Failure(`what the server has sent is no page of a feed: ${error.message}`, EXIT.failed);
  }
}

/** A feed that was made again under the same name has another log. */
function sameFeed({ feed, file }: Reading, known: string | null, { feedId }: TailPage): string | null {
  if (known === null || feedId === undefined || feedId === known) return feedId ?? known;
  const where = file === undefined ? '' : ` Take ${file} away to read it from the start.`;
  throw new Failure(`${feed.text} is another feed than before: it was deleted and made again.${where}`, EXIT.conflict);
}

async function tellGap(call: Call, { headers }: Answer): Promise<void> {
  const gap = headers.get('millrace-gap');
  if (gap === null) return;
  // Who is bound to tenants is told no positions.
  const taken = gap === 'unnumbered' ? 'entries' : `the positions ${gap}`;
  await call.tell(`a gap: retention took ${taken} before they were read`);
}

function shown({ surroundings }: Call, format: LineFormat, lines: readonly string[]): string {
  const text = lines.join('');
  // All others are safe for a terminal anyway; XML is left as it is for everybody else.
  return format === 'atom' && surroundings.isTerminal ? printableLines(text) : text;
}

/** What to ask for newer entries. */
function newer({ headers }: Answer, { previous }: TailPage): string {
  const query = queryOf(previous ?? linkIn(headers, 'previous'), PAGE_ENTRIES);
  if (query === undefined) throw new Failure('the page has no link to newer entries', EXIT.failed);
  return query;
}

/** What to ask for so many older entries; undefined: there are none. */
function older({ headers }: Answer, { next }: Pick<TailPage, 'next'>, limit: number): string | undefined {
  return queryOf(next ?? linkIn(headers, 'next'), limit);
}

function linkIn(headers: Headers, rel: 'previous' | 'next'): string | undefined {
  return new RegExp(`<([^>]*)>; rel="${rel}"`).exec(headers.get('link') ?? '')?.[1];
}

/** Of a link the query alone: it leads to the server that was asked, and nowhere else. */
function queryOf(link: string | undefined, limit: number): string | undefined {
  const query = link === undefined ? undefined : /\?.+$/s.exec(link)?.[0];
  return query?.replace(/([?&]limit=)\d+/, `$1${String(limit)}`);
}

/** The position that a link leads on from; undefined for a reader who is not told positions. */
function placeIn(query: string): bigint | undefined {
  const marker = new URLSearchParams(query).get('marker') ?? '';
  return /^\d+$/.test(marker) ? BigInt(marker) : undefined;
}
