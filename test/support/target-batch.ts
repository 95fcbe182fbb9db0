import type { ExportedEntry } from '../../src/core/export.js';
import type { Feed } from '../../src/core/feed.js';
import type { TargetBatch } from '../../src/export/targets/target.js';
import { EXPORT_COLUMNS } from '../../src/formats/export/export-row.js';
import type { RowColumn } from '../../src/formats/export/export-row.js';
import { anEntry } from './build.js';

/** A feed as a target sees it. */
export function aSource(id: number, name: string, workspace = 'shop'): Feed {
  return { id, workspace, name } as Feed;
}

/** An entry as the log gives it, in the feed 1 where none is named. */
export function anExported(
  position: number,
  parts: { feed?: number; recordedAt?: string; content?: string; xml?: string } = {},
): ExportedEntry {
  const { feed = 1, recordedAt = '2026-11-22T10:00:00.123456Z', content = '<content>x</content>' } = parts;
  const atomId = `urn:x:${String(feed)}:${String(position)}`;
  const xml = parts.xml ?? anEntry({ id: atomId, title: 't', updated: '2026-11-22T10:00:00.000Z', content });
  const stored = xml.replace(/^<\?xml.*?\?>\s*/, '');
  return { feed, position: BigInt(position), kind: 'entry', atomId, xml: stored, recordedAt, schemaVersion: undefined };
}

/** Entries as a batch, in pieces of some. */
export function aBatch(
  key: string,
  entries: readonly ExportedEntry[] | (() => Iterable<ExportedEntry>),
  parts: { feeds?: readonly Feed[]; columns?: readonly RowColumn[]; piece?: number; until?: string } = {},
): TargetBatch {
  const { feeds = [aSource(1, 'orders')], columns = EXPORT_COLUMNS, piece = 100, until } = parts;
  return {
    key,
    feeds,
    columns,
    moves: () => undefined,
    async *entries(of) {
      let some: ExportedEntry[] = [];
      for (const entry of typeof entries === 'function' ? entries() : entries) {
        if (of !== undefined && entry.feed !== of.id) continue;
        some.push(entry);
        if (some.length < piece) continue;
        yield await Promise.resolve(some);
        some = [];
      }
      if (some.length > 0) yield some;
    },
    end: () => ({ batch: key, receipt: null, until, rows: 0, lost: [] }),
  };
}
