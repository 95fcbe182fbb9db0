import type { Client } from 'pg';
import type { Instant } from '../core/entry.js';
import type { Placing } from '../core/place.js';
import { termLists } from '../core/term-lists.js';
import { int4Array, int8Array, textArray, uuidArray } from './binary-arrays.js';
import { TERM_SEPARATOR } from './write-batch.js';
import type { Tick } from './write-batch.js';

const PUBLISH_BATCH = `
  call publish_batch(
    $1::smallint, $2::timestamptz, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
    $20, $21, $22, null, null, null)`;

/** The SQLSTATE of a batch that was placed by what is no longer so. */
export const MISTAKEN = 'MR002';

/**
 * Writes a batch of new entries that was placed by what the node remembers: locks, confirms, writes, ticks and commits, in
 * one statement (docs/adr/0003). Rejects with the SQLSTATE `MISTAKEN` when the log is not as remembered; then, as with any
 * other error of Postgres, nothing was written. When the connection is gone the outcome is unknown.
 */
export async function publishBatch(
  client: Client,
  partition: number,
  batch: Pick<Placing, 'entries' | 'feeds'>,
  now: Date,
): Promise<Tick> {
  const row = await call(client, partition, batch, now);
  if (row === undefined || row[0] === null) throw new Error('the batch that was published was empty');
  const [epoch, tick, recordedAt] = row;
  return { epoch, tick, recordedAt };
}

/** So that the first batch is no slower than the others. */
export async function preparePublishBatch(client: Client, partition: number): Promise<void> {
  await call(client, partition, { entries: [], feeds: [] }, new Date());
}

type Row = [epoch: string, tick: bigint, recordedAt: Instant] | [null, null, null];

async function call(
  client: Client,
  partition: number,
  { entries, feeds }: Pick<Placing, 'entries' | 'feeds'>,
  now: Date,
): Promise<Row | undefined> {
  const lists = termLists(entries, feeds);
  const { rows } = await client.query<Row>({
    name: 'publish-batch',
    text: PUBLISH_BATCH,
    values: [
      partition,
      now.toISOString(),
      int4Array(feeds.map((feed) => feed.feedId)),
      textArray(feeds.map((feed) => feed.state.atomId)),
      int8Array(feeds.map((feed) => feed.state.firstKept)),
      int8Array(feeds.map((feed) => feed.state.head)),
      int8Array(feeds.map((feed) => feed.first)),
      int8Array(feeds.map((feed) => feed.last)),
      int4Array(feeds.filter((feed) => feed.state.editable).map((feed) => feed.feedId)),
      int4Array(entries.map(({ feedId }) => feedId)),
      int8Array(entries.map(({ position }) => position)),
      int4Array(entries.map(({ entry }) => entry.octets)),
      uuidArray(entries.map(({ entry }) => entry.atomKey)),
      uuidArray(entries.map(({ entry }) => entry.digest)),
      textArray(entries.map(({ entry }) => entry.atomId)),
      textArray(entries.map(({ entry }) => entry.terms.join(TERM_SEPARATOR))),
      textArray(entries.map(({ entry }) => entry.xml)),
      int4Array(entries.map(({ entry }) => entry.schemaVersion ?? 0)),
      int4Array(lists.map(({ feedId }) => feedId)),
      textArray(lists.map(({ term }) => term)),
      int8Array(lists.map(({ last }) => last)),
      textArray(lists.map(({ earlier }) => (earlier.length === 0 ? '' : `{${earlier.join()}}`))),
    ],
    rowMode: 'array',
  });
  return rows[0];
}
