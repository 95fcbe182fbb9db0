import { createHash } from 'node:crypto';
import type { ContentValue } from './content-columns.js';
import type { EntryKind, Instant, Position } from './entry.js';
import { FeedsError } from './errors.js';
import { checkName } from './feed.js';
import type { FeedId } from './feed.js';
import type { Utf8 } from './utf8.js';

/** What somebody pulls who reads many feeds at once, in the order of the clock (docs/adr/0012). */

/** Feeds by their names: undefined is any. */
export interface FeedPattern {
  readonly workspace: string | undefined;
  readonly feed: string | undefined;
}

/** A place in the log over all feeds: up to this position of this feed's stretch in this tick. */
export interface ExportPlace {
  readonly tick: bigint;
  readonly feed: FeedId;
  readonly position: Position;
}

export const LOG_START: ExportPlace = { tick: 0n, feed: 0, position: 0n };

/** As a feed: behind all that the tick has. */
const BEHIND_ALL: FeedId = 2 ** 31 - 1;

export function endOfTick(tick: bigint): ExportPlace {
  return { tick, feed: BEHIND_ALL, position: 0n };
}

/** A place, and when its tick was; undefined before the first. */
export interface TimedPlace {
  readonly place: ExportPlace;
  readonly recordedAt: Instant | undefined;
}

/** A tick; 0 is none: that before the first. */
export interface TimedTick {
  readonly tick: bigint;
  readonly recordedAt: Instant | undefined;
}

/** Behind all of the tick. */
export function behind({ tick, recordedAt }: TimedTick): TimedPlace {
  return { place: tick === 0n ? LOG_START : endOfTick(tick), recordedAt };
}

/** For a place before the first tick: that was recorded at no time. */
export const EARLIEST: Instant = '1970-01-01T00:00:00Z';

/** Feeds are all born into this one (docs/adr/0002). */
export const EXPORTED_PARTITION = 0;

/** What one tick recorded in one feed. */
export interface ExportStretch {
  readonly tick: bigint;
  readonly feed: FeedId;
  readonly first: Position;
  readonly last: Position;
  readonly recordedAt: Instant;
}

/** An entry of the log as it is exported: superseded revisions and tombstones too. */
export interface ExportedEntry {
  readonly feed: FeedId;
  readonly position: Position;
  readonly kind: EntryKind;
  readonly atomId: string;
  readonly xml: string;
  readonly recordedAt: Instant;
  readonly schemaVersion: number | undefined;
  /** Of the columns of the content that are wanted, in their order; undefined: none are. */
  readonly values?: readonly ContentValue[];
  /** `xml` and `atomId` in UTF-8, where they are at hand. */
  readonly octets?: EntryOctets | undefined;
}

/** An entry's texts among those of others, by their offsets. */
export interface EntryOctets extends Utf8 {
  readonly atomId: number;
  readonly idEnd: number;
  /** Its text goes to the end. */
  readonly xml: number;
}

/** With nothing of the entries around it: it can be held for long, or sent to a thread. */
export function aloneOf({
  feed,
  position,
  kind,
  atomId,
  xml,
  recordedAt,
  schemaVersion,
}: ExportedEntry): ExportedEntry {
  return { feed, position, kind, atomId, xml, recordedAt, schemaVersion };
}

/** What the export cannot give any more: entries behind the place that retention, or the deletion of the feed, took. */
export interface ExportLoss {
  readonly workspace: string;
  readonly feed: string;
  /** Undefined: nobody can tell, or the caller is not to know. */
  readonly entries: bigint | undefined;
  /** They are no more than that: how many of them had been exported is no longer known. */
  readonly atMost: boolean;
}

/** What is told when all entries have been given. */
export interface ExportEnd {
  /** The token to go on from. */
  readonly after: string;
  /** All that will ever be in the window was given. */
  readonly complete: boolean;
  /** Everything recorded until this instant was given; undefined: the log is empty, or the caller is not to know. */
  readonly until: Instant | undefined;
  readonly rows: number;
  readonly lost: readonly ExportLoss[];
}

/** Window, ends excluded at `to`: RFC 3339 instants. */
export interface ExportWindow {
  readonly from: Instant | undefined;
  readonly to: Instant | undefined;
}

const MOST_PATTERNS = 1_000;

/**
 * Reads `servers/*,billing/events`; `*` alone is every feed. Rejects with `bad-parameter`.
 */
export function readFeedPatterns(text: string): FeedPattern[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length > MOST_PATTERNS) {
    throw new FeedsError('bad-parameter', `"feeds" names ${String(parts.length)}, more than ${String(MOST_PATTERNS)}`);
  }
  return parts.map(patternOf);
}

function patternOf(part: string): FeedPattern {
  if (part === '*') return { workspace: undefined, feed: undefined };
  const [workspace = '', feed = '', ...more] = part.split('/');
  if (feed === '' || more.length > 0) {
    const found = part.slice(0, 200);
    throw new FeedsError('bad-parameter', `"feeds" has "${found}", expected workspace/feed, workspace/* or *`);
  }
  checkName('workspace', workspace);
  if (feed === '*') return { workspace, feed: undefined };
  checkName('feed', feed);
  return { workspace, feed };
}

/** The workspaces that the patterns name; undefined: any. */
export function workspacesOf(patterns: readonly FeedPattern[]): readonly string[] | undefined {
  const workspaces = patterns.flatMap(({ workspace }) => workspace ?? []);
  return workspaces.length === patterns.length ? workspaces : undefined;
}

/** Tells which feeds the patterns name, however many of both there are. */
export function feedMatcher(
  patterns: readonly FeedPattern[],
): (feed: { readonly workspace: string; readonly name: string }) => boolean {
  const isAny = patterns.some(({ workspace }) => workspace === undefined);
  const workspaces = new Set(patterns.flatMap(({ workspace, feed }) => (feed === undefined ? (workspace ?? []) : [])));
  const feeds = new Set(patterns.map(({ workspace = '', feed = '' }) => `${workspace}/${feed}`));
  return ({ workspace, name }) => isAny || workspaces.has(workspace) || feeds.has(`${workspace}/${name}`);
}

/** What a token is for: it is of no use with other feeds or another window. Eight bytes. */
export function selectionDigest(patterns: readonly FeedPattern[], { from, to }: ExportWindow): Buffer {
  const names = patterns.map(({ workspace = '*', feed = '*' }) => `${workspace}/${feed}`);
  const text = JSON.stringify([[...new Set(names)].sort(), from ?? null, to ?? null]);
  return createHash('sha256').update(text).digest().subarray(0, 8);
}

/** Patterns as they can be written, each once. */
export function patternNames(patterns: readonly FeedPattern[]): readonly string[] {
  const names = patterns.map(({ workspace, feed = '*' }) => (workspace === undefined ? '*' : `${workspace}/${feed}`));
  return [...new Set(names)].sort();
}
