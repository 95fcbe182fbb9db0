import type { Request } from 'express';
import type { Instant } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import { readFeedPatterns } from '../core/export.js';
import type { ExportWindow, FeedPattern } from '../core/export.js';
import type { ExportFormat } from '../core/named-export.js';
import { isRfc3339, toMicroseconds } from '../formats/dates.js';
import { checkColumns } from '../formats/export/export-row.js';
import { queryOf, single } from './parameters.js';

/** What is to be exported. */
export interface ExportRequest {
  readonly patterns: readonly FeedPattern[];
  readonly after: string | undefined;
  readonly window: ExportWindow;
  /** Rows; undefined: as many as there are. */
  readonly limit: number | undefined;
  /** Undefined: all that there are. */
  readonly columns: readonly string[] | undefined;
}

const PARAMETERS = ['feeds', 'after', 'format', 'limit', 'from', 'to', 'columns'];

/** Unknown parameters are refused here, and ours given twice: what is mistyped would export something else. Throws `bad-parameter`. */
export function readExportRequest(req: Request, format: ExportFormat): ExportRequest {
  const parameters = new URLSearchParams(queryOf(req.url));
  for (const name of parameters.keys()) {
    if (PARAMETERS.includes(name)) {
      single(parameters, name);
      continue;
    }
    throw new FeedsError(
      'bad-parameter',
      `there is no parameter "${name.slice(0, 40)}"; there are ${PARAMETERS.join(', ')}`,
    );
  }
  return {
    patterns: readFeedPatterns(single(parameters, 'feeds') ?? '*'),
    after: single(parameters, 'after'),
    window: { from: time(parameters, 'from'), to: time(parameters, 'to') },
    limit: limit(single(parameters, 'limit')),
    columns: columns(single(parameters, 'columns'), format),
  };
}

function time(parameters: URLSearchParams, name: 'from' | 'to'): Instant | undefined {
  // A space is the `+` of an offset that the client forgot to encode.
  const text = single(parameters, name)?.replaceAll(' ', '+');
  if (text === undefined) return undefined;
  if (isRfc3339(text)) return toMicroseconds(text, 'forward');
  throw new FeedsError(
    'bad-parameter',
    `${name} "${text.slice(0, 64)}" is no RFC 3339 time such as 2026-03-12T10:00:00Z`,
  );
}

function limit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,11}$/.test(text)) return Number(text);
  throw new FeedsError('bad-parameter', `limit "${text.slice(0, 32)}" is no number of rows, 1 or more`);
}

function columns(text: string | undefined, format: ExportFormat): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',').map((name) => name.trim());
  checkColumns(names, format);
  return [...new Set(names)];
}
