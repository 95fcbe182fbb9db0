import { CONTRACT, SCHEMA_JSON } from '../../formats/media-types.js';
import { UsageError } from '../command.js';
import type { Call } from '../command.js';
import { readInput } from '../read-input.js';

export interface ContractFile {
  readonly body: Buffer;
  readonly type: string;
}

/** What may be sent as a contract; the server says whether it is one. */
export async function contractFile(call: Call): Promise<ContractFile> {
  const file = call.word(1);
  const body = await readInput(call, file);
  return { body, type: call.text('type') ?? typeOf(body, file) };
}

/** A whole contract has a `kind` and a `schema`; no schema language has. */
function typeOf(body: Buffer, file: string): string {
  const text = body
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart();
  // UTF-16, too, has an XML declaration, but of other bytes.
  if (text.startsWith('<') || (body[0] ?? 0) >= 0xfe) return 'application/xml';
  if (text === '') throw new UsageError(`${file} is empty`);
  try {
    const value = JSON.parse(text) as { kind?: unknown; schema?: unknown } | null;
    return typeof value?.kind === 'string' && value.schema !== undefined ? CONTRACT : SCHEMA_JSON;
  } catch {
    // The server knows better what is wrong with it, and where.
    return SCHEMA_JSON;
  }
}
