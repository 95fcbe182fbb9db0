import { aloneOf } from '../../core/export.js';
import { MOST_DEAD_LETTERS } from '../../core/named-export.js';
import type { PoisonedRow } from './target.js';

/** Those of one batch. */
export interface Poison {
  readonly rows: readonly PoisonedRow[];
  /** Throws where they are so many, or so large, that it is not the rows that are wrong. */
  add(row: PoisonedRow): void;
}

/** Their texts are held until the batch is stored. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

export function gatherPoison(): Poison {
  const rows: PoisonedRow[] = [];
  let characters = 0;
  return {
    rows,
    add(row) {
      characters += row.entry.xml.length;
      if (rows.length >= MOST_DEAD_LETTERS || characters > MOST_CHARACTERS) {
        const count = `more than ${String(rows.length)} rows of the batch`;
        throw new Error(`${count} are refused, too many to be put aside; one of them: ${row.reason}`);
      }
      rows.push({ ...row, entry: aloneOf(row.entry) });
    },
  };
}
