import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { CopyJob, ExportJob, Outcome } from './jobs.js';

/** Reads an export to its end; `perSecond` is bytes, the time is that of the whole. */
export async function runExport({ url, token, rows }: ExportJob): Promise<Outcome> {
  const startedAt = performance.now();
  const request = get(url, { headers: { authorization: `Bearer ${token}` } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`the export was answered ${String(response.statusCode)}`);
  const outcome = await drained(response, startedAt, rows);
  if (response.trailers['millrace-export-rows'] !== String(rows)) throw new Error('the export has not all rows');
  return outcome;
}

export async function runCopy({ connectionString, sql, rows }: CopyJob): Promise<Outcome> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const copy = copyTo(sql);
    const outcome = await drained(client.query(copy), performance.now(), rows);
    if (copy.rowCount !== rows) throw new Error('COPY has not all rows');
    return outcome;
  } finally {
    await client.end();
  }
}

async function drained(stream: Readable, startedAt: number, rows: number): Promise<Outcome> {
  let bytes = 0;
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  await once(stream, 'end');
  const ms = performance.now() - startedAt;
  return { perSecond: bytes / (ms / 1000), answers: rows, p50Ms: ms, p99Ms: ms, cores: 0 };
}
