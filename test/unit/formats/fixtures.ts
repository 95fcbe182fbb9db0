import { readFileSync, readdirSync } from 'node:fs';

const FIXTURES = new URL('../../fixtures/', import.meta.url);

export interface Fixture {
  readonly name: string;
  readonly body: Buffer;
  readonly text: string;
}

/** Every sample entry in test/fixtures. */
export function fixtures(): Fixture[] {
  return readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.xml'))
    .toSorted()
    .map((name) => {
      const body = readFileSync(new URL(name, FIXTURES));
      return { name, body, text: body.toString('utf8') };
    });
}
