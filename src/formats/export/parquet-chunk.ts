import { ByteWriter } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeRleBitPackedHybrid } from 'hyparquet-writer/src/encoding.js';
import type { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { writePlain } from 'hyparquet-writer/src/plain.js';
import type { Zstd } from '../zstd.js';
import { textWriter } from './parquet-text.js';
import type { ColumnValue, ParquetColumn, ParquetValue } from './parquet-columns.js';

export type FileMetaData = Parameters<typeof writeMetadata>[1];
type ChunkMetaData = FileMetaData['row_groups'][number]['columns'][number];
type PageHeader = Parameters<typeof writePageHeader>[1];

/** One column of a row group, as it is filled. Pages that are closed are held compressed. */
export interface Chunk {
  /** True: its page is full, and to be closed. */
  add(value: ColumnValue): boolean;
  closePage(): Promise<void>;
  /** Octets of the pages that are closed. */
  held(): number;
  /** All of it, to be written at this place of the file, and what the file's end is to tell of it. */
  finish(offset: number): Promise<FinishedChunk>;
}

interface FinishedChunk {
  readonly parts: readonly Uint8Array[];
  readonly metadata: ChunkMetaData;
}

/** About so many octets of values; never less than one value. */
const PAGE_OCTETS = 512 * 1024;
/** More would take more than some milliseconds. */
const PAGE_VALUES = 8_192;
/** A column of more different values, or of longer ones, is not repetitive after all: its next pages have the values themselves. */
const MOST_DISTINCT = 8_192;
const MOST_DICTIONARY_OCTETS = 1024 * 1024;

/**
 * Values are written down at once: a text that was cut out of an entry's XML would keep all of that in memory for as long as
 * it is held itself.
 */
export function beginChunk({ schema, nullable, isRepetitive }: ParquetColumn, zstd: Zstd): Chunk {
  const element = schema.at(-1) as SchemaElement & Required<Pick<SchemaElement, 'type'>>;
  const isList = schema.length > 1;
  const hasLevels = isList || nullable;
  const distinct = isRepetitive ? new Map<string, number>() : undefined;
  const dictionary = new ByteWriter();
  const range = boundsOf(element.type !== 'BYTE_ARRAY' || (isRepetitive && !isList));
  const pages: Uint8Array[] = [];
  const encodings = new Set<'PLAIN' | 'RLE' | 'RLE_DICTIONARY'>(['RLE']);
  const total = { values: 0, nulls: 0, held: 0, octets: 0 };
  let page = emptyPage(distinct !== undefined);

  return { add, closePage, held: () => total.held + dictionary.offset + page.body.offset, finish };

  function add(value: ColumnValue): boolean {
    page.rows += 1;
    if (value === null) addLevels(0, 0);
    else if (typeof value !== 'object' || value instanceof Uint8Array) addValue(value, 0);
    else if (value.length === 0) addLevels(0, 0);
    else for (const [index, one] of value.entries()) addValue(one, index === 0 ? 0 : 1);
    if (page.body.offset >= PAGE_OCTETS || page.rows >= PAGE_VALUES || page.values >= PAGE_VALUES) return true;
    return page.hasDictionary && !hasRoom();
  }

  function addValue(value: ParquetValue | Uint8Array, repetition: 0 | 1): void {
    addLevels(repetition, 1);
    page.values += 1;
    if (page.hasDictionary && distinct !== undefined) {
      page.indexes.push(indexOf(String(value), distinct));
      return;
    }
    if (typeof value === 'string' || value instanceof Uint8Array) {
      page.addText(value);
      return;
    }
    range.widen(value);
    // Eight of them are one octet.
    if (typeof value === 'boolean') page.bits.push(value);
    else if (element.type === 'INT64') page.body.appendInt64(BigInt(value));
    else if (element.type === 'INT32') page.body.appendInt32(Number(value));
    else page.body.appendFloat64(Number(value));
  }

  function indexOf(value: string, known: Map<string, number>): number {
    const index = known.get(value);
    if (index !== undefined) return index;
    const copy = Buffer.from(value).toString();
    range.widen(copy);
    known.set(copy, known.size);
    writePlain(dictionary, [copy], element.type, undefined);
    return known.size - 1;
  }

  function hasRoom(): boolean {
    return distinct !== undefined && distinct.size < MOST_DISTINCT && dictionary.offset < MOST_DICTIONARY_OCTETS;
  }

  /** Of no value, and of a list with nothing in it, both are 0. */
  function addLevels(repetition: 0 | 1, definition: 0 | 1): void {
    if (isList) page.repetitions.push(repetition);
    if (hasLevels) page.definitions.push(definition);
  }

  async function closePage(): Promise<void> {
    const { rows, values, hasDictionary, indexes, bits, body, repetitions, definitions } = page;
    if (rows === 0) return;
    page = emptyPage(hasRoom());
    // The values themselves are not compared from now on.
    if (distinct !== undefined && !page.hasDictionary) range.forget();
    writePlain(body, bits, 'BOOLEAN', undefined);
    const levels = new ByteWriter();
    const repetitionOctets = isList ? writeRleBitPackedHybrid(levels, repetitions, 1) : 0;
    const definitionOctets = hasLevels ? writeRleBitPackedHybrid(levels, definitions, 1) : 0;
    const usesDictionary = hasDictionary && values > 0;
    if (usesDictionary) {
      const width = Math.ceil(Math.log2(Math.max(1, distinct?.size ?? 0)));
      body.appendUint8(width);
      writeRleBitPackedHybrid(body, indexes, width);
    }
    const encoding = usesDictionary ? 'RLE_DICTIONARY' : 'PLAIN';
    const count = hasLevels ? definitions.length : values;
    const nulls = count - values;
    total.values += count;
    total.nulls += nulls;
    encodings.add(encoding);
    await addPage(pages, levels, body, {
      type: 'DATA_PAGE_V2',
      data_page_header_v2: {
        num_values: count,
        num_nulls: nulls,
        num_rows: rows,
        encoding,
        definition_levels_byte_length: definitionOctets,
        repetition_levels_byte_length: repetitionOctets,
        is_compressed: values > 0,
      },
    });
  }

  async function addPage(
    to: Uint8Array[],
    levels: ByteWriter,
    body: ByteWriter,
    header: Omit<PageHeader, 'compressed_page_size' | 'uncompressed_page_size'>,
  ): Promise<void> {
    const compressed = await zstd(body.getBytes());
    const head = new ByteWriter();
    writePageHeader(head, {
      ...header,
      uncompressed_page_size: levels.offset + body.offset,
      compressed_page_size: levels.offset + compressed.length,
    });
    to.push(Buffer.concat([head.getBytes(), levels.getBytes()]), compressed);
    total.held += head.offset + levels.offset + compressed.length;
    total.octets += head.offset + levels.offset + body.offset;
  }

  async function finish(offset: number): Promise<FinishedChunk> {
    await closePage();
    const first: Uint8Array[] = [];
    if (distinct !== undefined && distinct.size > 0) {
      encodings.add('PLAIN');
      await addPage(first, new ByteWriter(), dictionary, {
        type: 'DICTIONARY_PAGE',
        dictionary_page_header: { num_values: distinct.size, encoding: 'PLAIN' },
      });
    }
    const behind = first.reduce((sum, { length }) => sum + length, offset);
    return {
      parts: [...first, ...pages],
      metadata: {
        file_offset: BigInt(offset),
        meta_data: {
          type: element.type,
          encodings: [...encodings],
          path_in_schema: schema.map(({ name }) => name),
          codec: 'ZSTD',
          num_values: BigInt(total.values),
          total_uncompressed_size: BigInt(total.octets),
          total_compressed_size: BigInt(total.held),
          data_page_offset: BigInt(behind),
          ...(first.length > 0 ? { dictionary_page_offset: BigInt(offset) } : {}),
          ...(isList ? {} : { statistics: { null_count: BigInt(total.nulls), ...range.bounds() } }),
        },
      },
    };
  }
}

interface Page {
  rows: number;
  /** How many, without those that are null. */
  values: number;
  /** Its values are places in the dictionary; else `body` has them. */
  readonly hasDictionary: boolean;
  readonly indexes: number[];
  /** Booleans, which `body` gets when the page is closed. */
  readonly bits: boolean[];
  readonly body: ByteWriter;
  readonly addText: (text: string | Uint8Array) => void;
  readonly repetitions: number[];
  readonly definitions: number[];
}

function emptyPage(hasDictionary: boolean): Page {
  const body = new ByteWriter();
  return {
    rows: 0,
    values: 0,
    hasDictionary,
    indexes: [],
    bits: [],
    body,
    addText: textWriter(body),
    repetitions: [],
    definitions: [],
  };
}

/** Longer ones would make the end of the file long. */
const LONGEST_BOUND = 1_000;

/** The least and the most of the values: with these readers skip row groups. */
function boundsOf(isWanted: boolean): {
  widen(value: ParquetValue): void;
  forget(): void;
  bounds(): { min_value?: ParquetValue; max_value?: ParquetValue };
} {
  let wanted = isWanted;
  let least: ParquetValue | undefined;
  let most: ParquetValue | undefined;
  return {
    widen(value) {
      if (!wanted) return;
      if (typeof value === 'string' && value.length > LONGEST_BOUND) {
        wanted = false;
        return;
      }
      if (least === undefined || isLess(value, least)) least = value;
      if (most === undefined || isLess(most, value)) most = value;
    },
    forget() {
      wanted = false;
    },
    bounds: () => (wanted && least !== undefined && most !== undefined ? { min_value: least, max_value: most } : {}),
  };
}

/** Texts by their octets in UTF-8, which is not the order of JavaScript. */
function isLess(one: ParquetValue, other: ParquetValue): boolean {
  if (typeof one !== 'string' || typeof other !== 'string') return one < other;
  return Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0;
}
