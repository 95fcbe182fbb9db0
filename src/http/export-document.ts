import { patternNames } from '../core/export.js';
import type { NamedExport } from '../core/named-export.js';
import type { Instant } from '../core/entry.js';
import type { Urls } from '../core/urls.js';
import type { ExportDocument } from '../formats/export/export-write.js';
import type { ExportRequest } from './export-request.js';

/** Of an answer to `GET /export`: its id is the URL of the same choice from the beginning. */
export function pulledDocument(
  { base }: Urls,
  { patterns, window, after, limit }: ExportRequest,
  updated: Instant,
): ExportDocument {
  const names = patternNames(patterns).join(',');
  const chosen = { feeds: names, from: window.from, to: window.to };
  return {
    base,
    id: exportUrl(base, chosen),
    title: `Export of ${names}`,
    self: exportUrl(base, { ...chosen, after, limit, format: 'atom' }),
    updated,
  };
}

/** Of a batch: all of one export have its id. */
export function batchDocument(
  { base }: Urls,
  { id, name, createdAt }: NamedExport,
  updated: Instant | undefined,
): ExportDocument {
  const self = `${base}/export/${name}`;
  return { base, id: `urn:uuid:${id}`, title: `Export ${name}`, self, updated: updated ?? createdAt };
}

function exportUrl(base: string, parameters: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value));
  return `${base}/export?${query.toString()}`;
}
