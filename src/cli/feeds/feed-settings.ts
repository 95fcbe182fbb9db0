import { UsageError } from '../command.js';
import type { Call, Options } from '../command.js';

/** The settings that have options of their own; all others are set as `KEY=VALUE`, by the names that the API has for them. */
export const SETTINGS: Options = {
  title: { value: 'TEXT', about: 'its title' },
  public: { about: 'anyone may read it, without a token' },
  'no-public': { about: 'only who has a grant may read it (the default)' },
  'keep-days': { value: 'DAYS', about: 'entries older than that go; "none": never' },
  'keep-entries': { value: 'NUMBER', about: 'entries go when so many newer ones are there; "none": never' },
  'inline-json': { about: 'JSON payloads are kept as text instead of Base64' },
  'no-inline-json': { about: 'as Base64 (the default)' },
  compatibility: { value: 'MODE', about: 'what a new version of its contract has to keep: backward, full, none …' },
};

/** A setting with its value; undefined: back to its default. Dots lead into it: `limits.bodyBytes`. */
type Change = readonly [key: string, value: unknown];

/** What the options and the words behind the feed's name ask for. @throws UsageError */
export function changesIn(call: Call): readonly Change[] {
  return [
    ...(['title', 'compatibility'] as const).flatMap((key) => {
      const text = call.text(key);
      return text === undefined ? [] : [[key, text] as const];
    }),
    ...(['public', 'editable', 'inline-json'] as const).flatMap((name) => flagOf(call, name)),
    ...(['keep-days', 'keep-entries'] as const).flatMap((name) => {
      const text = call.text(name);
      return text === undefined
        ? []
        : [[camelCase(name), text === 'none' ? undefined : wholeNumber(name, text)] as const];
    }),
    ...call.words.slice(1).map(pairOf),
  ];
}

/** The settings with the changes made. */
export function changed(settings: Readonly<Record<string, unknown>>, changes: readonly Change[]): object {
  const result = structuredClone(settings) as Record<string, unknown>;
  for (const [key, value] of changes) {
    const [first = '', ...rest] = key.split('.');
    if (rest.length === 0) put(result, first, value);
    else {
      const inner = { ...(result[first] as object | undefined) } as Record<string, unknown>;
      put(inner, rest.join('.'), value);
      put(result, first, Object.keys(inner).length === 0 ? undefined : inner);
    }
  }
  return result;
}

function put(object: Record<string, unknown>, key: string, value: unknown): void {
  if (value === undefined) Reflect.deleteProperty(object, key);
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

function flagOf(call: Call, name: string): readonly Change[] {
  const [yes, no] = [call.flag(name), call.flag(`no-${name}`)];
  if (yes && no) throw new UsageError(`--${name} and --no-${name} exclude each other`);
  return yes || no ? [[camelCase(name), yes]] : [];
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} is "${text.slice(0, 40)}", expected a whole number or "none"`);
}

function camelCase(name: string): string {
  return name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Settings that are text even where it looks like a number. */
const TEXT = /^(?:title|compatibility|author\..*)$/;

function pairOf(word: string): Change {
  const [, key, text = ''] = /^([A-Za-z][\w.]*)=(.*)$/s.exec(word) ?? [];
  if (key === undefined) {
    throw new UsageError(`"${word.slice(0, 40)}" is no setting, expected KEY=VALUE, for example limits.links=50`);
  }
  if (text === '') return [key, undefined];
  if (TEXT.test(key)) return [key, text];
  if (text === 'true' || text === 'false') return [key, text === 'true'];
  return [key, /^\d{1,15}$/.test(text) ? Number(text) : text];
}
