import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const MOST = 30;

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Which functions took most time themselves, for each CPU profile in the directory. */
export async function printProfiles(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.cpuprofile')).sort();
  let text = '';
  for (const name of names) {
    const profile = JSON.parse(await readFile(join(directory, name), 'utf8')) as CpuProfile;
    text += `\n${name}: share of the time that it was busy\n${selfTimes(profile)}`;
  }
  return text;
}

function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): string {
  const named = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, index) => {
    const { functionName, url, lineNumber } = named.get(id) ?? { functionName: '?', url: '', lineNumber: 0 };
    if (functionName === '(idle)') return;
    const place = url === '' ? '' : ` ${url.replace(/^.*\/(?=node_modules|dist)/, '')}:${String(lineNumber + 1)}`;
    const key = `${functionName === '' ? '(anonymous)' : functionName}${place}`;
    const time = timeDeltas[index] ?? 0;
    busy += time;
    times.set(key, (times.get(key) ?? 0) + time);
  });
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST)
    .map(([key, time]) => `${((time / busy) * 100).toFixed(1).padStart(6)} %  ${key}\n`)
    .join('');
}
