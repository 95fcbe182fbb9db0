import { StartError } from '../core/start-error.js';
import type { Violation } from '../core/errors.js';
import { UsageError } from './command.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import { ReaderGone } from './output.js';
import { Refusal, Unreachable } from './client/refusal.js';
import { oneLineJson, printable, printableLines } from './printable.js';

/** It did not work, and the message says why in the words of the command. */
export class Failure extends Error {
  readonly code: ExitCode;

  /** `refusal` is what the server said, for scripts. */
  constructor(message: string, code: ExitCode, refusal?: Refusal) {
    super(message, refusal === undefined ? undefined : { cause: refusal });
    this.code = code;
  }
}

export interface Told {
  readonly code: ExitCode;
  /** For stderr; '' where there is nothing to say. */
  readonly text: string;
}

/** What went wrong, on one screen for a person: no stack where there is something to mend. In JSON, refusals are problem documents. */
export function failureOf(error: unknown, command: string | undefined, asJson: boolean): Told {
  if (error instanceof ReaderGone) return { code: EXIT.done, text: '' };
  if (error instanceof UsageError) {
    const help = command === undefined ? 'millrace help' : `millrace help ${command}`;
    return { code: EXIT.usage, text: `millrace: ${printable(error.message)}\n\`${help}\` tells what there is.\n` };
  }
  if (error instanceof Failure && asJson && error.cause instanceof Refusal) {
    return { code: error.code, text: refusalJson(error.cause) };
  }
  if (error instanceof Refusal) {
    return { code: exitCodeOf(error.status), text: asJson ? refusalJson(error) : refusalText(error) };
  }
  if (error instanceof Unreachable) {
    const hint = error.isPermanent ? '' : '\nIs it running? --url or MILLRACE_URL name another server.\n';
    return { code: EXIT.unreachable, text: `millrace: ${printable(error.message)}\n${hint}` };
  }
  if (error instanceof Failure) return { code: error.code, text: `millrace: ${printableLines(error.message)}\n` };
  if (error instanceof StartError) {
    const hint = error.hint === undefined ? '' : `\n${printableLines(error.hint)}\n`;
    return { code: EXIT.failed, text: `millrace: ${printableLines(error.message)}\n${hint}` };
  }
  const stack = String((error as Error).stack ?? error);
  return {
    code: EXIT.failed,
    text: `millrace: this is a bug of Millrace's, please report it\n${printableLines(stack)}\n`,
  };
}

function refusalJson({ problem }: Refusal): string {
  return `${oneLineJson(JSON.stringify(problem))}\n`;
}

/** Every mistake with its place, which `detail` has only the first of. */
function refusalText({ problem, status, code }: Refusal): string {
  const { title, detail, errors = [], instance } = problem;
  const kind = code === undefined ? String(status) : `${String(status)} ${code}`;
  const what = errors.length === 0 ? [`  ${printable(detail)}`] : errors.map(violationText);
  const request = typeof instance === 'string' ? [`  (${printable(instance)})`] : [];
  return [`millrace: ${printable(title)} (${printable(kind)})`, ...what, ...hintOf(code), ...request, ''].join('\n');
}

/** `entry/category[1]/@term, line 3, column 1: what is wrong; expected … , found …` */
export function violationText({ path, line, column, message, expected, found, ...more }: Violation): string {
  const place = [
    ...(path === '' ? [] : [path]),
    ...(more.version === undefined ? [] : [`version ${String(more.version)} (${more.direction ?? ''})`]),
    ...(line === undefined ? [] : [`line ${String(line)}`]),
    ...(column === undefined ? [] : [`column ${String(column)}`]),
  ].join(', ');
  const wanted = [
    ...(expected === undefined || message.includes(expected) ? [] : [`expected ${expected}`]),
    ...(found === undefined || message.includes(found) ? [] : [`found ${found}`]),
  ].join(', ');
  return printable(`  ${place === '' ? '' : `${place}: `}${message}${wanted === '' ? '' : `; ${wanted}`}`);
}

function hintOf(code: string | undefined): readonly string[] {
  switch (code) {
    case 'unauthorized':
      return ['  Give a token by MILLRACE_TOKEN or --token-file.'];
    case 'forbidden':
      return ['  This token does not give the right to do that.'];
    default:
      return [];
  }
}
