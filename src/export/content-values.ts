import { exportedName, versionFor } from '../core/content-columns.js';
import type { ColumnTypesOfVersions, ContentColumn, ContentValue } from '../core/content-columns.js';
import type { Contract, ContractVersion } from '../core/contract.js';
import type { Instant } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import type { ExportedEntry } from '../core/export.js';
import type { Feed, FeedId } from '../core/feed.js';
import { readColumnTypes, readContract } from '../store/contracts.js';
import type { Db } from '../store/db.js';

/** Runs contracts' rules where they do no harm. */
export interface ContentExtractor {
  /** For each entry the values of these columns of the contract. */
  extract(
    contract: { readonly id: number; readonly contract: () => Promise<Contract> },
    entries: readonly string[],
    columns: readonly string[],
  ): Promise<readonly (readonly ContentValue[])[] | { readonly cutOff: string }>;
}

export interface ContentDeps {
  readonly db: Db;
  readonly checkers: ContentExtractor;
}

export interface ContentWanted {
  readonly feeds: ReadonlyMap<FeedId, { readonly feed: Feed }>;
  readonly columns: readonly ContentColumn[];
  /** Versions that came later say nothing of entries that were not checked against them. */
  readonly at: Instant;
}

/**
 * Entries, as their reader sees them, with the values of the columns, in their order. Undefined: no columns are wanted. Rejects with
 * `unavailable` when a contract takes too long, or `overloaded`: there are no rows then rather than rows without their values.
 */
export function contentReader(
  deps: ContentDeps,
  { feeds, columns, at }: ContentWanted,
): ((entries: readonly ExportedEntry[]) => Promise<readonly ExportedEntry[]>) | undefined {
  if (columns.length === 0) return undefined;
  const asked = new Map<string, readonly Question[]>();
  let reading: Promise<ColumnTypesOfVersions> | undefined;
  return async (entries) => {
    reading ??= readColumnTypes(
      deps.db,
      [...feeds.values()].flatMap(({ feed }) => feed.contracts),
    );
    const typesOf = await reading;
    const values = entries.map(() => Array<ContentValue>(columns.length).fill(null));
    for (const { feed, question, indexes } of grouped(entries, typesOf)) {
      for (const some of chunksOf(indexes, entries)) {
        const texts = some.map((index) => entries[index]?.xml ?? '');
        const found = await extracted(deps, feed, question, texts);
        for (const [n, index] of some.entries()) {
          for (const [m, column] of question.columns.entries()) {
            const row = values[index];
            if (row !== undefined) row[column.index] = found[n]?.[m] ?? null;
          }
        }
      }
    }
    return entries.map((entry, index) => ({ ...entry, values: values[index] ?? [] }));
  };

  /** By what they ask, each with its entries in `entries`. A tombstone has no content. */
  function grouped(entries: readonly ExportedEntry[], typesOf: ColumnTypesOfVersions): Iterable<Group> {
    const groups = new Map<Question, Group>();
    for (const [index, { feed: id, kind, schemaVersion }] of entries.entries()) {
      const feed = feeds.get(id)?.feed;
      if (feed === undefined || kind === 'tombstone') continue;
      for (const question of questionsOf(feed, schemaVersion, typesOf)) {
        const group = groups.get(question) ?? { feed, question, indexes: [] };
        group.indexes.push(index);
        groups.set(question, group);
      }
    }
    return groups.values();
  }

  function questionsOf(feed: Feed, checkedBy: number | undefined, typesOf: ColumnTypesOfVersions): readonly Question[] {
    const key = `${String(feed.id)} ${String(checkedBy)}`;
    const known = asked.get(key);
    if (known !== undefined) return known;
    refuseUnheard(feed, checkedBy);
    const byVersion = new Map<ContractVersion, QuestionColumn[]>();
    for (const [index, { name, type }] of columns.entries()) {
      const version = versionFor(name, feed.contracts, typesOf, checkedBy, at);
      // Of another type than the column's: it came after the column was chosen.
      if (version === undefined || typesOf.get(version.id)?.[name] !== type) continue;
      byVersion.set(version, [...(byVersion.get(version) ?? []), { name, index }]);
    }
    const questions = [...byVersion].map(([version, of]) => ({ version, columns: of }));
    asked.set(key, questions);
    return questions;
  }
}

/** What is asked of a version of a contract. */
interface Question {
  readonly version: ContractVersion;
  readonly columns: readonly QuestionColumn[];
}

interface QuestionColumn {
  readonly name: string;
  /** Among all that are wanted. */
  readonly index: number;
}

interface Group {
  readonly feed: Feed;
  readonly question: Question;
  readonly indexes: number[];
}

/** It was made after the feeds were looked up. */
function refuseUnheard({ contracts }: Feed, checkedBy: number | undefined): void {
  if (checkedBy === undefined || contracts.some(({ version }) => version === checkedBy)) return;
  const message = `version ${String(checkedBy)} of the contract was made while this was being read; ask again`;
  throw new FeedsError('unavailable', message, { retryAfterSeconds: 1 });
}

/** For one message to a thread, which has some seconds for it. */
const MOST_ENTRIES = 200;
const MOST_CHARACTERS = 1024 * 1024;

function* chunksOf(indexes: readonly number[], entries: readonly ExportedEntry[]): Generator<readonly number[]> {
  let chunk: number[] = [];
  let characters = 0;
  for (const index of indexes) {
    const { length } = entries[index]?.xml ?? '';
    if (chunk.length >= MOST_ENTRIES || (chunk.length > 0 && characters + length > MOST_CHARACTERS)) {
      yield chunk;
      chunk = [];
      characters = 0;
    }
    chunk.push(index);
    characters += length;
  }
  yield chunk;
}

/** Before that it is not tried. */
const RETRY_AFTER_SECONDS = 60;

async function extracted(
  { db, checkers }: ContentDeps,
  { workspace, name }: Feed,
  { version: { id, version }, columns }: Question,
  entries: readonly string[],
): Promise<readonly (readonly ContentValue[])[]> {
  const contract = { id, contract: () => readContract(db, id) };
  const result = await checkers.extract(
    contract,
    entries,
    columns.map((column) => column.name),
  );
  if (!('cutOff' in result)) return result;
  const names = columns.map((column) => exportedName(column)).join(', ');
  const message = `${names} of ${workspace}/${name} cannot be told now: version ${String(version)} of its contract was cut off: ${result.cutOff}`;
  throw new FeedsError('unavailable', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}
