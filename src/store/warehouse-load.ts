import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { destroy, sqlState } from './db.js';
import { BEGIN } from './warehouse.js';
import type { WarehouseConnection } from './warehouse.js';
import { KEY_COLUMNS, recordBatch } from './warehouse-table.js';
import type { WarehouseBatch, WarehouseTable } from './warehouse-table.js';

/** Something as a line of COPY. */
export interface LoadedLine {
  readonly line: string;
}

export interface RefusedLine<T extends LoadedLine> {
  readonly refused: T;
  /** As Postgres says it. */
  readonly reason: string;
}

/**
 * Rows on their way into a table. They go to a temporary table by COPY and are merged from there; those that are there already stay as
 * they are. All that comes within some seconds is one transaction; what takes longer is several, so that none is open for 30 s. Their rows are
 * seen before the batch is all there: that it is, is told by its row in the table of batches, which is written with the last of them.
 */
export interface Load<T extends LoadedLine> {
  /** Loads them, save those that are refused for what is in them; leaves off when these are more than `most`. Some MiB at a time. */
  add(lines: readonly T[], most: number): Promise<RefusedLine<T>[]>;
  /** Everything is there for good when it resolves. */
  finish(batch: WarehouseBatch): Promise<void>;
}

/** A transaction that is older is committed before more is begun: with two statements and a commit it ends within 30 s. */
const OPEN_MS = 5_000;
/** What is read so slowly is committed piece by piece. */
const SLOW_MS = 2_000;
const STAGING = 'pg_temp.millrace_staging';

export function beginLoad<T extends LoadedLine>(
  connection: WarehouseConnection,
  table: WarehouseTable,
  columns: readonly string[],
  moves: () => void,
): Load<T> {
  const names = columns.map((name) => pg.escapeIdentifier(name)).join(', ');
  const stage = `create temporary table millrace_staging on commit drop as select ${names} from ${table.events} with no data`;
  const merge = `
    insert into ${table.events} (${names})
    select ${names}
      from ${STAGING}
        on conflict (${KEY_COLUMNS.join(', ')}) do nothing`;
  let openedAt: number | undefined;
  let addedAt = performance.now();

  return {
    async add(lines, most) {
      const isSlow = performance.now() - addedAt > SLOW_MS;
      const refused: RefusedLine<T>[] = [];
      const waiting = [lines];
      for (let some = waiting.pop(); some !== undefined; some = waiting.pop()) {
        const reason = await tryLines(some);
        moves();
        if (refused.length > most) return refused;
        if (reason === undefined) continue;
        const [only] = some;
        if (some.length === 1 && only !== undefined) {
          refused.push({ refused: only, reason });
        } else {
          const middle = Math.ceil(some.length / 2);
          waiting.push(some.slice(middle), some.slice(0, middle));
        }
      }
      // Else it would stand open, and idle, for as long as the next ones are read.
      if (isSlow) await commit();
      addedAt = performance.now();
      return refused;
    },
    async finish(batch) {
      await open();
      await recordBatch(connection, table, batch);
      await connection.query('commit');
    },
  };

  async function commit(): Promise<void> {
    if (openedAt !== undefined) await connection.query('commit');
    openedAt = undefined;
  }

  async function open(): Promise<void> {
    if (openedAt !== undefined) {
      if (performance.now() - openedAt < OPEN_MS) return;
      await connection.query('commit');
    }
    openedAt = performance.now();
    await connection.query(`${BEGIN}; ${stage}`);
  }

  /** Undefined: all of them are in; else none is, and why. */
  async function tryLines(lines: readonly T[]): Promise<string | undefined> {
    await open();
    await connection.query('savepoint lines');
    try {
      await pipeline(
        Readable.from(piecesOf(lines)),
        connection.query(copyFrom(`copy ${STAGING} (${names}) from stdin`)),
      );
      await connection.query(`${merge}; truncate ${STAGING}; release savepoint lines`);
      return undefined;
    } catch (error) {
      if (!isOfData(error)) {
        // An answer that comes after all would find nobody.
        destroy(connection);
        throw told(error, table);
      }
      await connection.query('rollback to savepoint lines; release savepoint lines');
      return `${error.message} (SQLSTATE ${error.code ?? ''})`;
    }
  }
}

const PIECE = 64 * 1024;

function* piecesOf(lines: readonly LoadedLine[]): Generator<Buffer> {
  let piece = '';
  for (const { line } of lines) {
    piece += line;
    if (piece.length < PIECE) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  if (piece !== '') yield Buffer.from(piece);
}

/**
 * Other rows may well be taken: data exception, integrity constraint violation, with check option violation, program limit exceeded (JSON that
 * is nested too deeply, a value too large for an index), and what a trigger raises (PostgreSQL, "Error Codes").
 */
const OF_DATA = /^(22|23|44|54|P0001)/;

function isOfData(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && OF_DATA.test(error.code ?? '');
}

const NO_SUCH_INDEX = '42P10';

function told(error: unknown, { events }: WarehouseTable): unknown {
  if (sqlState(error) !== NO_SUCH_INDEX) return error;
  const columns = KEY_COLUMNS.join(', ');
  return new Error(
    `the table ${events} has nothing that keeps each event once: create unique index on ${events} (${columns})`,
    { cause: error },
  );
}
