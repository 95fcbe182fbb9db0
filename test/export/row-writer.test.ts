import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { pino } from 'pino';
import { endOfTick, EXPORTED_PARTITION, LOG_START } from '../../src/core/export.js';
import type { ExportEnd, ExportedEntry } from '../../src/core/export.js';
import { WHOLE } from '../../src/core/view.js';
import { makeRowWriter } from '../../src/export/row-writer.js';
import type { RowWriter } from '../../src/export/row-writer.js';
import type { GivenRows, RowJob } from '../../src/export/row-stream.js';
import { EXPORT_COLUMNS } from '../../src/formats/export/export-row.js';
import { openPool, reader } from '../../src/store/db.js';
import { listExported } from '../../src/store/export.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { fillLog } from '../support/fill-log.js';
import { rejection } from '../support/refusal.js';

const logger = pino({ level: 'silent' });
const EACH = 12_000;
type Entries = readonly ExportedEntry[];
const END: ExportEnd = { after: 'x', complete: false, until: undefined, rows: 0, lost: [] };

describe('what writes exports', function () {
  this.timeout(60_000);

  let database: TestDatabase;
  let job: RowJob;
  const writers: RowWriter[] = [];

  before(async () => {
    database = await createDatabase();
    await fillLog(database.url, ['a', 'b'], { each: EACH });
    const pool = openPool({ connectionString: database.url }, { size: 1 });
    const exported = await listExported(reader(pool), ['shop']);
    await pool.end();
    job = {
      wanted: {
        partition: EXPORTED_PARTITION,
        feeds: new Map(exported.map((one) => [one.feed.id, { ...one, view: WHOLE }])),
        from: new Map(exported.map(({ feed }) => [feed.id, 0n])),
        begin: { place: LOG_START, recordedAt: undefined },
        to: endOfTick(1_000_000n),
        limit: undefined,
        redact: undefined,
        extract: undefined,
      },
      format: 'ndjson',
      columns: EXPORT_COLUMNS,
      document: { base: '', id: '', title: '', self: '', updated: '' },
      coding: 'identity',
    };
  });
  after(async () => {
    for (const writer of writers) await writer.stop();
    await database.drop();
  });

  function writer(connectionString = database.url): RowWriter {
    const made = makeRowWriter({ connectionString, logger });
    writers.push(made);
    return made;
  }

  const never = new AbortController().signal;

  it('tells what was given when all was, and ends', async () => {
    const told: GivenRows[] = [];
    const endOf = (given: GivenRows): Promise<ExportEnd> => {
      told.push(given);
      return Promise.resolve(END);
    };
    const text = await textOf(writer().write(job, endOf, never));
    expect(text.split('\n')).to.have.length(2 * EACH + 2);
    expect(told).to.have.length(1);
    expect(told[0]?.rows).to.equal(2 * EACH);
    expect([...(told[0]?.given.values() ?? [])]).to.deep.equal(Array(2).fill({ entries: EACH, last: BigInt(EACH) }));
  });

  it('writes several at a time, each whole', async () => {
    const one = writer();
    const texts = await Promise.all(
      [1, 2, 3].map(async () => textOf(one.write(job, () => Promise.resolve(END), never))),
    );
    expect(new Set(texts).size).to.equal(1);
  });

  it('gives entries back to become what the caller sees', async () => {
    const redact = (entries: Entries): Promise<Entries> =>
      Promise.resolve(entries.map((entry) => ({ ...entry, atomId: 'hidden' })));
    const text = await textOf(
      writer().write({ ...job, wanted: { ...job.wanted, redact, limit: 5 } }, () => Promise.resolve(END), never),
    );
    const rows = text.split('\n').slice(0, 5);
    expect(rows.map((row) => (JSON.parse(row) as { atom_id: string }).atom_id)).to.deep.equal(Array(5).fill('hidden'));
  });

  for (const coding of ['gzip', 'zstd', 'br', 'identity'] as const) {
    it(`asks for what the caller sees while what is made is waited for (${coding})`, async () => {
      const redact = (entries: Entries): Promise<Entries> => Promise.resolve(entries);
      const slow = writer().write(
        { ...job, coding, wanted: { ...job.wanted, redact } },
        () => Promise.resolve(END),
        never,
      );
      let octets = 0;
      for await (const piece of slow) {
        octets += piece.length;
        await sleep(2);
      }
      expect(octets).to.be.above(100_000);
    });
  }

  it('rejects before anything is written with what keeps the rows away', async () => {
    const away = 'postgres://nobody@127.0.0.1:1/none';
    const refused = await rejection(textOf(writer(away).write(job, () => Promise.resolve(END), never)));
    expect(refused).to.include({ code: 'unavailable', message: 'the database is not available' });
    const redact = (): Promise<never> => Promise.reject(new Error('the view cannot be told'));
    const hidden = await rejection(
      textOf(writer().write({ ...job, wanted: { ...job.wanted, redact } }, () => Promise.resolve(END), never)),
    );
    expect(hidden).to.have.property('message', 'the view cannot be told');
  });

  it('cuts off what it has begun when it is stopped, and begins anew', async () => {
    const one = writer();
    const pieces = one.write(job, () => Promise.resolve(END), never);
    await pieces.next();
    await one.stop();
    expect(await rejection(textOf(pieces))).to.have.property('code', 'unavailable');
    const again = await textOf(one.write(job, () => Promise.resolve(END), never));
    expect(again.split('\n')).to.have.length(2 * EACH + 2);
  });

  it('stops when nobody reads any more', async () => {
    const gone = new AbortController();
    const pieces = writer().write(job, () => Promise.resolve(END), gone.signal);
    await pieces.next();
    gone.abort();
    expect(await rejection(textOf(pieces))).to.have.property('name', 'AbortError');
  });
});

async function textOf(pieces: AsyncGenerator<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all).toString();
}
