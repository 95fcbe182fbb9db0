import type { S3Target } from '../../core/target-settings.js';
import { openBucket } from './bucket.js';
import type { Bucket, Upload } from './bucket.js';
import { hiveDirectory, hiveParts, successText } from './hive.js';
import type { HivePart } from './hive.js';
import { gatherPoison } from './poison.js';
import type { Target } from './target.js';

export interface S3Bounds {
  /** For a request with all of its answer. */
  readonly requestMs: number;
  /** What is larger is sent in pieces of that. So much is held. */
  readonly pieceOctets: number;
}

/** S3 takes 10,000 pieces of at least 5 MiB. */
const BOUNDS: S3Bounds = { requestMs: 60_000, pieceOctets: 8 * 1024 * 1024 };

/** A bucket with the files of a lake: each is seen when it is whole, and one that is there stays as it is (docs/push.md). */
export function makeS3Target(settings: S3Target, { requestMs, pieceOctets }: S3Bounds = BOUNDS): Target {
  const bucket = openBucket(settings, requestMs);
  return {
    async store(batch) {
      const poison = gatherPoison();
      let rows = 0;
      for await (const part of hiveParts(batch, poison)) {
        await storePart(bucket, `${settings.prefix}${part.directory}/${part.name}`, part, pieceOctets);
        rows += part.rows();
      }
      return { rows, poisoned: poison.rows };
    },
    async closeDay(day) {
      const key = `${settings.prefix}${hiveDirectory(day.feed, day.date)}/_SUCCESS`;
      await bucket.put(key, Buffer.from(successText(day)), 'application/json');
    },
    stop() {
      bucket.stop();
      return Promise.resolve();
    },
  };
}

const PARQUET = 'application/vnd.apache.parquet';

async function storePart(bucket: Bucket, key: string, part: HivePart, pieceOctets: number): Promise<void> {
  const isThere = await bucket.has(key, PARQUET);
  let held: Uint8Array[] = [];
  let octets = 0;
  let upload: Upload | undefined;
  try {
    for await (const chunk of part.chunks) {
      // Gone through all the same: its rows are counted.
      if (isThere) continue;
      held.push(chunk);
      octets += chunk.length;
      if (octets < pieceOctets) continue;
      upload ??= await bucket.beginUpload(key, PARQUET);
      await upload.add(taken());
    }
    if (isThere) return;
    if (part.rows() === 0) await upload?.abort();
    else if (upload === undefined) await bucket.put(key, taken(), PARQUET);
    else {
      if (octets > 0) await upload.add(taken());
      await upload.complete();
    }
  } catch (error) {
    // Where this fails too, the bucket's rule for uploads that were not completed lets go of it.
    await upload?.abort().catch(() => undefined);
    throw error;
  }

  function taken(): Uint8Array {
    const piece = Buffer.concat(held);
    held = [];
    octets = 0;
    return piece;
  }
}
