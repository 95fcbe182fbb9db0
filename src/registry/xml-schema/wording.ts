import { shorten } from '../../formats/text.js';

/** Of a value of the schema, in a message. */
const MAX_CHARACTERS = 80;

/** The text, or its beginning when it is long. */
export function cut(text: string): string {
  return shorten(text, MAX_CHARACTERS);
}

/** The values in quotation marks: `"a", "b"`. */
export function listed(values: readonly string[]): string {
  return cut(values.map((value) => `"${value}"`).join(', '));
}

/** The last name of the path in quotation marks. */
export function subject(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name === '' ? 'the content' : `"${cut(name)}"`;
}

/** The path of something in what the path names. */
export function inside(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}
