import { createRequire } from 'node:module';
import type { Instant } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import { DEFAULT_BATCH_ROWS } from '../core/named-export.js';
import type { ExportDefinition, ExportFormat } from '../core/named-export.js';
import { isRfc3339, toMicroseconds } from './dates.js';
import { checkColumns } from './export/export-row.js';
import { compileChecks, parseJson } from './json/checked-json.js';

/** The package's own schemas, beside src as beside dist. */
const load = createRequire(import.meta.url);
const checks = compileChecks({
  export: load('../../schemas/api/export.json') as Record<string, unknown>,
  reset: load('../../schemas/api/export-reset.json') as Record<string, unknown>,
  receipt: load('../../schemas/api/export-receipt.json') as Record<string, unknown>,
  replay: load('../../schemas/api/export-replay.json') as Record<string, unknown>,
});

interface SentExport {
  readonly feeds: readonly string[];
  readonly format?: ExportFormat;
  readonly columns?: readonly string[];
  readonly batchRows?: number;
  readonly from?: string;
  readonly target?: string;
  readonly everySeconds?: number;
}

/** schemas/api/export.json. Refuses as `parseJson` and `Check` do, and with `bad-parameter` for a column or a time that is none. */
export function readExportBody(bytes: Buffer): Omit<ExportDefinition, 'columnTypes'> {
  const value = parseJson(bytes);
  checks.export(value, 'the body');
  const {
    feeds,
    format = 'ndjson',
    columns,
    batchRows = DEFAULT_BATCH_ROWS,
    from,
    target,
    everySeconds,
  } = value as SentExport;
  if (columns !== undefined) checkColumns(columns, format);
  const begin = from === undefined ? undefined : instant('from', from);
  return { feeds, format, columns, batchRows, from: begin, target, everySeconds };
}

/** schemas/api/export-reset.json. Refuses likewise. */
export function readResetBody(bytes: Buffer): 'common' | 'start' | { readonly time: Instant } {
  const value = parseJson(bytes);
  checks.reset(value, 'the body');
  const { to } = value as { readonly to: string };
  return to === 'common' || to === 'start' ? to : { time: instant('to', to) };
}

/** schemas/api/export-receipt.json. Refuses as `parseJson` and `Check` do. */
export function readReceiptBody(bytes: Buffer): string | null {
  const value = parseJson(bytes);
  checks.receipt(value, 'the body');
  return (value as { readonly receipt: string | null }).receipt;
}

/** schemas/api/export-replay.json: ids, or undefined for all. Refuses as `parseJson` and `Check` do. */
export function readReplayBody(bytes: Buffer): bigint[] | undefined {
  const value = bytes.length === 0 ? {} : parseJson(bytes);
  checks.replay(value, 'the body');
  return (value as { readonly ids?: readonly number[] }).ids?.map(BigInt);
}

function instant(member: string, text: string): Instant {
  if (isRfc3339(text)) return toMicroseconds(text, 'forward');
  throw new FeedsError(
    'bad-parameter',
    `"${member}" is "${text}", which is no RFC 3339 time such as 2026-03-12T10:00:00Z`,
  );
}
