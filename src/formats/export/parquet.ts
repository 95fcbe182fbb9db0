import { ByteWriter } from 'hyparquet-writer';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import type { ExportEnd, ExportedEntry } from '../../core/export.js';
import type { BatchEnd } from '../../core/named-export.js';
import { breather } from '../slices.js';
import { loadZstd } from '../zstd.js';
import type { ExportRow, RowColumn } from './export-row.js';
import { TAKE_MS, toldLosses } from './export-write.js';
import type { ExportSource } from './export-write.js';
import { beginChunk } from './parquet-chunk.js';
import type { Chunk, FileMetaData } from './parquet-chunk.js';
import { parquetColumns } from './parquet-columns.js';
import type { ColumnValue, ParquetColumn } from './parquet-columns.js';
import { startRowMaker } from './row-maker.js';

/** How much makes a row group. */
export interface RowGroupBounds {
  /** In the file, and in memory while it is made. */
  readonly octets: number;
  readonly rows: number;
}

/** Readers work at one row group a thread, and have to hold some columns of it; what has fewer than some 10,000 rows slows them down. */
const BOUNDS: RowGroupBounds = { octets: 16 * 1024 * 1024, rows: 122_880 };

const MAGIC = Buffer.from('PAR1');

/**
 * Rows as a file of Apache Parquet: row groups, each handed on when it is full, and a footer with what is told at the end. A
 * file without a footer is none: the export was cut off.
 */
export async function* writeParquet(
  source: Omit<ExportSource, 'document'>,
  wanted: readonly RowColumn[],
  bounds = BOUNDS,
): AsyncGenerator<Uint8Array> {
  // At once: the first row group may be long in coming.
  yield MAGIC;
  const columns = parquetColumns(wanted);
  const zstd = await loadZstd();
  const groups: RowGroup[] = [];
  let offset = MAGIC.length;
  let chunks = columns.map((column) => beginChunk(column, zstd));
  let rows = 0;

  const breathe = breather(TAKE_MS);
  const rowOf = startRowMaker();
  for await (const entries of source.batches) {
    for (const entry of entries) {
      // All of them, before one is written down: a row is in a file whole, or not at all.
      const made = valuesOf(entry);
      const values = made instanceof Promise ? await made : made;
      if (values === undefined) continue;
      rows += 1;
      let isFull = rows >= bounds.rows;
      for (const [index, chunk] of chunks.entries()) {
        if (!chunk.add(values[index] ?? null)) continue;
        await chunk.closePage();
        isFull ||= held(chunks) >= bounds.octets;
      }
      if (isFull) yield* rowGroup();
      const pause = breathe();
      if (pause !== undefined) await pause;
    }
  }
  if (rows > 0) yield* rowGroup();
  yield footer(columns, groups, source.end());

  /** Undefined: it was refused. */
  function valuesOf(entry: ExportedEntry): ColumnValue[] | undefined | Promise<ColumnValue[] | undefined> {
    const { feed, showsPositions } = source.feedOf(entry);
    try {
      const row = rowOf(entry, feed, showsPositions);
      return row instanceof Promise ? row.then(taken).catch(refused) : taken(row);
    } catch (error) {
      return refused(error);
    }

    function taken(row: ExportRow): ColumnValue[] {
      return columns.map(({ valueOf }) => valueOf(row));
    }

    function refused(error: unknown): ColumnValue[] | undefined {
      if (source.refused === undefined) throw error;
      source.refused(entry, error);
      return undefined;
    }
  }

  async function* rowGroup(): AsyncGenerator<Uint8Array> {
    const begin = offset;
    const finished: FinishedChunk[] = [];
    for (const chunk of chunks) {
      const { parts, metadata } = await chunk.finish(offset);
      for (const part of parts) {
        offset += part.length;
        yield part;
      }
      finished.push(metadata);
    }
    groups.push(toRowGroup(finished, rows, offset - begin));
    chunks = columns.map((column) => beginChunk(column, zstd));
    rows = 0;
  }
}

type RowGroup = FileMetaData['row_groups'][number];
type FinishedChunk = RowGroup['columns'][number];

function held(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.held(), 0);
}

function toRowGroup(columns: FinishedChunk[], rows: number, octets: number): RowGroup {
  return {
    columns,
    num_rows: BigInt(rows),
    total_byte_size: columns.reduce((sum, { meta_data: data }) => sum + (data?.total_uncompressed_size ?? 0n), 0n),
    total_compressed_size: BigInt(octets),
  };
}

function footer(columns: readonly ParquetColumn[], groups: RowGroup[], end: ExportEnd | BatchEnd): Uint8Array {
  const writer = new ByteWriter();
  const metadata: Omit<FileMetaData, 'metadata_length'> = {
    version: 2,
    created_by: 'millrace',
    schema: [{ name: 'row', num_children: columns.length }, ...columns.flatMap(({ schema }) => schema)],
    num_rows: groups.reduce((sum, group) => sum + group.num_rows, 0n),
    row_groups: groups,
    key_value_metadata: Object.entries(toldAtEnd(end)).map(([key, value]) => ({ key: `millrace.${key}`, value })),
  };
  writeMetadata(writer, { ...metadata, metadata_length: 0 });
  return Buffer.concat([writer.getBytes(), MAGIC]);
}

/** The losses as JSON, as at the end of NDJSON; what there is not is left out. */
function toldAtEnd({ lost, ...end }: ExportEnd | BatchEnd): Record<string, string> {
  const told: Record<string, string> = {};
  for (const [name, value] of Object.entries<string | number | boolean | null | undefined>({ ...end })) {
    if (value !== undefined && value !== null) told[name] = String(value);
  }
  return { ...told, lost: JSON.stringify(toldLosses(lost)) };
}
