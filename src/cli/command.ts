import { parseArgs } from 'node:util';
import { ReaderGone, write } from './output.js';
import type { Surroundings } from './output.js';
import { printable } from './printable.js';

export interface Option {
  /** What stands behind it, as help shows it: `DAYS`. Without it the option is a flag. */
  readonly value?: string;
  readonly short?: string;
  /** It may be given several times. */
  readonly several?: true;
  readonly about: string;
}

export type Options = Readonly<Record<string, Option>>;

/** One of the things that `millrace` can do; a file each. */
export interface Command {
  /** What stands behind the command's name, as help shows it: `WORKSPACE/FEED [FILE…]`. */
  readonly operands: string;
  /** How many words that are. */
  readonly takes: readonly [least: number, most: number];
  /** What it does, what it prints, what one has to know; lines of 100 characters at most. */
  readonly about: string;
  readonly options: Options;
  /** Whole command lines. */
  readonly examples: readonly string[];
  run(call: Call): Promise<void>;
}

/** It was called wrongly. */
export class UsageError extends Error {}

/** A command with what it was called with. */
export class Call {
  readonly surroundings: Surroundings;
  readonly words: readonly string[];
  private readonly values: Readonly<Record<string, unknown>>;

  /** @throws UsageError for what the command does not take. */
  constructor(command: Command, args: readonly string[], surroundings: Surroundings) {
    this.surroundings = surroundings;
    const { values, positionals } = parse(command, args);
    this.values = values;
    this.words = positionals;
    if (this.flag('help')) return;
    const [least, most] = command.takes;
    if (positionals.length < least) throw new UsageError(`it takes ${command.operands}`);
    if (positionals.length > most) {
      const many = positionals.slice(most).join(' ');
      throw new UsageError(`"${many}" is ${positionals.length === most + 1 ? 'one word' : 'some words'} too many`);
    }
  }

  /** The word at this place; '' where none was given. */
  word(index: number): string {
    return this.words[index] ?? '';
  }

  flag(name: string): boolean {
    return this.values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.values[name];
    if (typeof value !== 'string') return undefined;
    if (value === '') throw new UsageError(`--${name} is empty`);
    return value;
  }

  texts(name: string): readonly string[] {
    const value = this.values[name];
    return Array.isArray(value) ? (value as string[]) : [];
  }

  number(name: string, { from, to }: { readonly from: number; readonly to: number }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    throw new UsageError(
      `--${name} is "${text.slice(0, 40)}", expected a whole number from ${String(from)} to ${String(to)}`,
    );
  }

  /** One of several values. */
  choice<T extends string>(name: string, values: readonly T[]): T | undefined {
    const text = this.text(name);
    const known = values.find((value) => value === text);
    if (text === undefined || known !== undefined) return known;
    throw new UsageError(`--${name} is "${text.slice(0, 40)}", expected ${values.join(', ')}`);
  }

  /** To stdout; resolves when it has been handed over. Work does not end because nobody reads any more what came of it. */
  async print(text: string): Promise<void> {
    try {
      await write(this.surroundings.stdout, text);
    } catch (error) {
      if (!(error instanceof ReaderGone)) throw error;
    }
  }

  /** A line to stderr, beside the output. */
  tell(line: string): Promise<void> {
    return this.say(`millrace: ${printable(line)}\n`);
  }

  /** Text that is safe for a terminal as it stands, to stderr: if it cannot be said, all goes on without. */
  say(text: string): Promise<void> {
    return write(this.surroundings.stderr, text).catch(() => undefined);
  }
}

const HELP: Options = { help: { short: 'h', about: 'this text' } };

function parse(command: Command, args: readonly string[]) {
  const options = Object.entries({ ...command.options, ...HELP }).map(([name, { value, short, several }]) => [
    name,
    {
      type: value === undefined ? ('boolean' as const) : ('string' as const),
      multiple: several === true,
      ...(short === undefined ? {} : { short }),
    },
  ]);
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: Object.fromEntries(options) as Record<string, { type: 'string' | 'boolean' }>,
    });
  } catch (error) {
    // Node explains at length how words that begin with a dash could be given; the first sentence says what is wrong.
    throw new UsageError((error as Error).message.split('. ')[0] ?? '');
  }
}

/** What `millrace help NAME` shows. */
export function helpOf(name: string, { operands, about, options, examples }: Command): string {
  const shown = Object.entries({ ...options, ...HELP }).map(([option, { value, short, about: text }]) => {
    const dashes = `${short === undefined ? '    ' : `-${short}, `}--${option}`;
    return [value === undefined ? dashes : `${dashes} ${value}`, text] as const;
  });
  const width = Math.max(...shown.map(([left]) => left.length));
  const parts = [
    `Usage: millrace ${name}${operands === '' ? '' : ` ${operands}`}`,
    about,
    ['Options:', ...shown.map(([left, text]) => `  ${left.padEnd(width)}  ${text}`)].join('\n'),
    ...(examples.length === 0 ? [] : [['Examples:', ...examples.map((line) => `  ${line}`)].join('\n')]),
  ];
  return `${parts.join('\n\n')}\n`;
}
