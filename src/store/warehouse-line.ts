/** A value of a row that COPY takes in its text format. Instants are in RFC 3339. */
export type CopyValue = string | number | bigint | boolean | readonly string[] | null;

/** A row as COPY wants it, with its line end (PostgreSQL, COPY, "Text Format"). */
export function copyLine(values: readonly CopyValue[]): string {
  return `${values.map(fieldOf).join('\t')}\n`;
}

function fieldOf(value: CopyValue): string {
  if (value === null) return '\\N';
  if (typeof value === 'string') return escaped(value);
  return typeof value === 'object' ? escaped(arrayOf(value)) : String(value);
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function escaped(text: string): string {
  return text.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character);
}

/** `{"a","b \" c"}`, whose elements are in quotes: so none is taken for NULL. */
function arrayOf(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}
