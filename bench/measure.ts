import { setTimeout as sleep } from 'node:timers/promises';

/** One line of the table. */
export interface Line {
  readonly what: string;
  /** What was measured and what it is held against, with their units. */
  readonly ours: string;
  readonly reference: string;
  readonly value: number;
  /** The lowest and the highest of the rounds. */
  readonly range: readonly [number, number];
  readonly reach: number;
  readonly aim: number;
  /** Whether `value` is to be at least, or at most, what is to be reached. */
  readonly better: 'higher' | 'lower';
  readonly unit: '' | 'ms';
  readonly note?: string | undefined;
}

const PAUSE_MS = 100;

/**
 * Both sides in each round, so many slices of each, which take turns; each turn begins with the side that the one before ended with. The
 * machine's speed changes within seconds: the shorter the turns, the more alike it is for both. A round gives the mean of its slices.
 */
export async function interleave(
  rounds: number,
  ours: () => Promise<number>,
  reference: () => Promise<number>,
  slices = 1,
): Promise<{ ours: number[]; reference: number[]; ratios: number[] }> {
  const results = { ours: [] as number[], reference: [] as number[], ratios: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const measured = { ours: 0, reference: 0 };
    for (let slice = 0; slice < slices; slice++) {
      const order = (round + slice) % 2 === 0 ? (['ours', 'reference'] as const) : (['reference', 'ours'] as const);
      for (const side of order) {
        measured[side] += (await (side === 'ours' ? ours() : reference())) / slices;
        await sleep(PAUSE_MS);
      }
    }
    results.ours.push(measured.ours);
    results.reference.push(measured.reference);
    results.ratios.push(measured.ours / measured.reference);
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function rangeOf(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

export function perSecond(value: number): string {
  return `${Math.round(value).toLocaleString('en')}/s`;
}

/** The table, in Markdown. */
export function printTable(lines: readonly Line[]): string {
  const rows = lines.map((line) => {
    const number = (value: number): string => `${value.toFixed(2)}${line.unit === '' ? '' : ` ${line.unit}`}`;
    const met = (wanted: number): boolean => (line.better === 'higher' ? line.value >= wanted : line.value <= wanted);
    const verdict = met(line.aim) ? 'aim' : met(line.reach) ? 'reach' : 'MISSED';
    const [low, high] = line.range;
    return [
      line.what,
      line.ours,
      line.reference,
      `${number(line.value)} (${low.toFixed(2)}–${high.toFixed(2)})`,
      `${String(line.reach)} / ${String(line.aim)}`,
      verdict,
    ];
  });
  const table = [['measured', 'Millrace', 'reference', 'ratio or time', 'reach / aim', 'result'], ...rows];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const text = table.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  text.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return text.join('\n');
}
