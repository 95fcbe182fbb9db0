import type { Call } from './command.js';
import { oneLineJson } from './printable.js';

/** What a command shows: to a script as one line of JSON, else as the text for a person. */
export function show(call: Call, value: unknown, text: string): Promise<void> {
  return call.print(call.flag('json') ? `${oneLineJson(JSON.stringify(value))}\n` : text);
}
