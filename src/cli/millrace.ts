import { readFileSync } from 'node:fs';
import { Call, UsageError, helpOf } from './command.js';
import type { Command } from './command.js';
import { COMMANDS } from './commands.js';
import type { CommandName } from './commands.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import { failureOf } from './failures.js';
import { write } from './output.js';
import type { Surroundings } from './output.js';

/**
 * Runs one command line, without the word `millrace`, to its end, and tells what went wrong. `help` is the text of `millrace help`.
 * Gives the exit code.
 */
export async function runMillrace(
  argv: readonly string[],
  surroundings: Surroundings,
  help: string,
): Promise<ExitCode> {
  let name: CommandName | undefined;
  try {
    const [first = '', ...rest] = argv;
    const wantsHelp = ['help', '--help', '-h'].includes(first);
    const line = wantsHelp ? rest : argv;
    if (['--version', '-v', 'version'].includes(first)) await write(surroundings.stdout, `${version()}\n`);
    else if (wantsHelp && rest.length === 0) await write(surroundings.stdout, help);
    else if ((wantsHelp || line.length > 1) && isGroup(line))
      await write(surroundings.stdout, await groupHelp(line[0] ?? ''));
    else {
      name = nameIn(line);
      const args = line.slice(name.split(' ').length);
      await run(name, await COMMANDS[name](), wantsHelp ? ['--help'] : args, surroundings);
    }
    return EXIT.done;
  } catch (error) {
    const { code, text } = failureOf(error, name, argv.includes('--json'));
    // Where it cannot be said the exit code says it.
    await write(surroundings.stderr, text).catch(() => undefined);
    return code;
  }
}

async function run(name: CommandName, command: Command, args: readonly string[], surroundings: Surroundings) {
  const call = new Call(command, args, surroundings);
  if (call.flag('help')) await call.print(helpOf(name, command));
  else await command.run(call);
}

/** The command that a line begins with: one word, or two. */
function nameIn([first, second]: readonly string[]): CommandName {
  if (first === undefined) throw new UsageError('say what to do');
  const names = Object.keys(COMMANDS) as CommandName[];
  const known = names.find((name) => name === first || name === `${first} ${second ?? ''}`);
  if (known !== undefined) return known;
  if (first.startsWith('-')) throw new UsageError(`the command comes first, then its options, such as ${first}`);
  const group = namesIn(first).map((name) => name.slice(first.length + 1));
  if (group.length === 0) throw new UsageError(`there is no command "${first.slice(0, 40)}"`);
  throw new UsageError(
    `"${first} ${(second ?? '').slice(0, 40)}" is no command; ${first} is followed by ${group.join(', ')}`,
  );
}

/** `help feeds`, `feeds --help`: of several commands that begin with the same word. */
function isGroup([first = '', second]: readonly string[]): boolean {
  const isAlone = second === undefined || ['help', '--help', '-h'].includes(second);
  return isAlone && namesIn(first).length > 0;
}

function namesIn(group: string): readonly CommandName[] {
  return (Object.keys(COMMANDS) as CommandName[]).filter((name) => name.startsWith(`${group} `));
}

async function groupHelp(group: string): Promise<string> {
  const usages = await Promise.all(
    namesIn(group).map(async (name) => `  millrace ${name} ${(await COMMANDS[name]()).operands}`.trimEnd()),
  );
  return `${usages.join('\n')}\n\n\`millrace help ${group} …\` tells all about one of them.\n`;
}

function version(): string {
  const { version: number } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return number;
}
