import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { StartError } from '../core/start-error.js';
import { UsageError } from './command.js';
import type { Call } from './command.js';

/** More than any server takes at once. */
const MOST_BYTES = 64 * 1024 * 1024;

/** The file of this name; `-` is stdin. */
export function openInput(call: Call, file: string): Readable {
  return file === '-' ? call.surroundings.stdin : createReadStream(file);
}

/** All that is in it. @throws StartError that says why it cannot be read */
export async function readInput(call: Call, file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of openInput(call, file) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw new UsageError(`${file} is larger than ${String(MOST_BYTES)} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  return Buffer.concat(chunks);
}

/** What a person can mend about a file; anything else is left as it is. */
export function unreadable(file: string, error: unknown): unknown {
  const isOfSystem = error instanceof Error && 'syscall' in error;
  return isOfSystem ? new StartError(`${file} cannot be read: ${error.message}`) : error;
}
