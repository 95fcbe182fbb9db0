import { readFileSync, readdirSync } from 'node:fs';
import type { Bench } from './bench.js';
import { median } from './measure.js';

/** The kernel's ticks a second in /proc (sysconf _SC_CLK_TCK), on every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

export interface Costs {
  /** Does the work, and remembers how much CPU it took. */
  during<T extends { readonly answers: number; readonly cores: number }>(work: () => Promise<T>): Promise<T>;
  /** CPU for one answer, by process: tells the same on a busy machine as on a quiet one. */
  summary(): string;
}

/** What an answer costs the server of that pid, Postgres and the load, in CPU time; nothing where there is no /proc. */
export function startCosts(bench: Pick<Bench, 'postgresPid'>, pid: number): Costs {
  const perAnswer = { server: [] as number[], postgres: [] as number[], load: [] as number[] };
  const busy: number[] = [];
  return {
    async during(work) {
      const before = { server: cpuSeconds(pid), postgres: familyCpuSeconds(bench.postgresPid) };
      const startedAt = performance.now();
      const outcome = await work();
      const seconds = (performance.now() - startedAt) / 1000;
      const used = cpuSeconds(pid) - before.server;
      perAnswer.server.push(used / outcome.answers);
      perAnswer.postgres.push((familyCpuSeconds(bench.postgresPid) - before.postgres) / outcome.answers);
      perAnswer.load.push((outcome.cores * seconds) / outcome.answers);
      busy.push(used / seconds);
      return outcome;
    },
    summary() {
      const parts = Object.entries(perAnswer).map(([name, costs]) => `${name} ${(median(costs) * 1e6).toFixed(0)} µs`);
      return `CPU for one: ${parts.join(', ')}; server busy ${median(busy).toFixed(2)} cores`;
    },
  };
}

/** User and system time; NaN where that cannot be told. */
function cpuSeconds(pid: number): number {
  const fields = statOf(pid);
  return fields === undefined ? Number.NaN : (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** That of a process and its children, those that have ended too. */
function familyCpuSeconds(pid: number): number {
  const own = statOf(pid);
  if (own === undefined) return Number.NaN;
  let ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(own[field]), 0);
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (fields?.[1] === String(pid)) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_A_SECOND;
}

/** The fields of /proc/pid/stat from the third on: the process's state, its parent … */
function statOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return undefined;
  }
}
