import type { Request } from 'express';
import { FeedsError } from '../core/errors.js';
import { readFeedPatterns } from '../core/export.js';
import type { FeedPattern } from '../core/export.js';
import { isRfc3339 } from '../formats/dates.js';
import { EXPORT_COLUMNS } from '../formats/export/export-row.js';
import type { ExportColumn } from '../formats/export/export-row.js';
import { parameter } from './parameters.js';

/** What is to be exported. */
export interface ExportRequest {
  readonly patterns: readonly FeedPattern[];
  readonly after: string | undefined;
  /** As the client wrote them, RFC 3339. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Rows; undefined: as many as there are. */
  readonly limit: number | undefined;
  readonly columns: readonly ExportColumn[];
}

const PARAMETERS = ['feeds', 'after', 'format', 'limit', 'from', 'to', 'columns'];

/** Unknown parameters are refused here: one that is mistyped would export something else. Throws `bad-parameter`. */
export function readExportRequest(req: Request): ExportRequest {
  const at = req.url.indexOf('?');
  for (const name of new URLSearchParams(at < 0 ? '' : req.url.slice(at + 1)).keys()) {
    if (PARAMETERS.includes(name)) continue;
    throw new FeedsError(
      'bad-parameter',
      `there is no parameter "${name.slice(0, 40)}"; there are ${PARAMETERS.join(', ')}`,
    );
  }
  return {
    patterns: readFeedPatterns(parameter(req.url, 'feeds') ?? '*'),
    after: parameter(req.url, 'after'),
    from: time(req, 'from'),
    to: time(req, 'to'),
    limit: limit(req),
    columns: columns(req),
  };
}

function time(req: Request, name: 'from' | 'to'): string | undefined {
  // A space is the `+` of an offset that the client forgot to encode.
  const text = parameter(req.url, name)?.replaceAll(' ', '+');
  if (text === undefined || isRfc3339(text)) return text;
  throw new FeedsError(
    'bad-parameter',
    `${name} "${text.slice(0, 64)}" is no RFC 3339 time such as 2026-03-12T10:00:00Z`,
  );
}

function limit(req: Request): number | undefined {
  const text = parameter(req.url, 'limit');
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,11}$/.test(text)) return Number(text);
  throw new FeedsError('bad-parameter', `limit "${text.slice(0, 32)}" is no number of rows, 1 or more`);
}

function columns(req: Request): readonly ExportColumn[] {
  const text = parameter(req.url, 'columns');
  if (text === undefined) return EXPORT_COLUMNS;
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if ((EXPORT_COLUMNS as readonly string[]).includes(name)) continue;
    const there = EXPORT_COLUMNS.join(', ');
    throw new FeedsError('bad-parameter', `there is no column "${name.slice(0, 64)}"; there are ${there}`);
  }
  return [...new Set(names)] as ExportColumn[];
}
