import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { feedName } from '../client/feed-name.js';
import { Refusal } from '../client/refusal.js';
import { UsageError } from '../command.js';
import type { Call, Command } from '../command.js';
import { exitCodeOf } from '../exit-codes.js';
import { Failure, failureOf } from '../failures.js';
import { Unwritable } from '../output.js';
import { openInput, readInput, unreadable } from '../read-input.js';
import { entryOf, typeOf } from './documents.js';
import { documentOf, groupsOf, linesOf } from './lines.js';
import type { Line } from './lines.js';
import { sendDocument } from './send.js';
import type { Target } from './send.js';

const RETRY_SECONDS = 60;
const MOST_RETRY_SECONDS = 86_400;

/** `POST /feeds/{workspace}/{feed}` */
export const publish: Command = {
  operands: 'WORKSPACE/FEED [FILE…]',
  takes: [1, 10_000],
  about: `Publishes what is in the files, one after the other; without any, or for "-", what comes on stdin. A file is a document: an Atom
entry or feed, an entry or feed in JSON, a CloudEvent or a batch of them; all that is in it is published, or nothing. Which it is
is told from its content. A file named .ndjson or .jsonl, or any with --ndjson, has a JSON entry or a CloudEvent in each line; they
are published as they come, in the order of the lines, several at once where there are several.

Prints "published" and the id of each entry; "known" where the feed has it already, "valid" in a dry run. --json gives a line for
each: {"outcome": …, "id": …, "url": …}. What is refused ends it: what stands before is published, what stands behind is not.

A server that is away or busy is tried again, always with the same Idempotency-Key, so that nothing is stored twice.`,
  options: {
    title: { value: 'TEXT', about: 'instead of files: publish an entry of this title' },
    content: { value: 'TEXT', about: 'its content: text, or an object or array in JSON; else the title' },
    category: { value: 'TERM', several: true, about: 'a category of it; as often as you like' },
    type: { value: 'MEDIA-TYPE', about: 'what the files are, where that is not to be told from their content' },
    ndjson: { about: 'each line is a document of its own' },
    'keep-going': { about: 'with --ndjson: tell the lines that are refused, and go on behind them' },
    'dry-run': { about: 'have them checked, and publish nothing' },
    'idempotency-key': { value: 'KEY', about: 'of one document: to send it again later is safe, even without an id' },
    retry: {
      value: 'SECONDS',
      about: `how long to try again: ${String(RETRY_SECONDS)} where nothing is said; 0: once`,
    },
    ...CLIENT_OPTIONS,
  },
  examples: [
    "millrace publish shop/orders --title 'Order placed' --category orders.create --content '{\"order\": 4711}'",
    'millrace publish shop/orders entry.xml batch.json',
    'tail -F app.ndjson | millrace publish shop/orders --ndjson --keep-going',
  ],
  async run(call) {
    const target: Target = {
      call,
      feed: feedName(call.word(0)),
      dryRun: call.flag('dry-run'),
      retrySeconds: call.number('retry', { from: 0, to: MOST_RETRY_SECONDS }) ?? RETRY_SECONDS,
      server: await connection(call),
    };
    const key = call.text('idempotency-key');
    const files = filesOf(call, key);
    if (files === undefined) {
      const [title = '', content] = [call.text('title'), call.text('content')];
      await sendDocument(target, entryOf({ title, content, categories: call.texts('category') }), key);
      return;
    }
    for (const file of files) {
      if (file === '-' && call.surroundings.isInteractive) await call.tell('type it, and end it with Ctrl-D');
      try {
        if (isLines(call, file)) await publishLines(target, file);
        else await publishFile(target, file, key);
      } catch (error) {
        if (files.length > 1 && !(error instanceof Failure) && !(error instanceof Unwritable)) {
          await call.tell(`${nameOf(file)} is not published, nor is what comes behind it`);
        }
        throw error;
      }
    }
  },
};

/** undefined: an entry of a few words is published. @throws UsageError for what does not go together */
function filesOf(call: Call, key: string | undefined): readonly string[] | undefined {
  const files = call.words.slice(1);
  const ofAnEntry = ['content', 'category'].filter((name) => call.text(name) ?? call.texts(name)[0]);
  if (call.text('title') !== undefined) {
    if (files.length > 0) throw new UsageError('publish files, or an entry by --title, but not both');
    return undefined;
  }
  if (ofAnEntry.length > 0) throw new UsageError(`--${ofAnEntry.join(' and --')} is of an entry that has a --title`);
  const read = files.length === 0 ? ['-'] : files;
  if (key !== undefined && (read.length > 1 || read.some((file) => isLines(call, file)))) {
    throw new UsageError('--idempotency-key is of one document');
  }
  return read;
}

function isLines(call: Call, file: string): boolean {
  return call.flag('ndjson') || /\.(?:ndjson|jsonl)$/i.test(file);
}

function nameOf(file: string): string {
  return file === '-' ? 'stdin' : file;
}

async function publishFile(target: Target, file: string, key: string | undefined): Promise<void> {
  const body = await readInput(target.call, file);
  if (body.length === 0) throw new UsageError(`${nameOf(file)} is empty`);
  const type = target.call.text('type') ?? typeOf(body);
  if (type === undefined) throw new UsageError(`${nameOf(file)} is neither XML nor JSON; --type says what it is`);
  await sendDocument(target, { type, body }, key);
}

async function publishLines(target: Target, file: string): Promise<void> {
  const refused: { first?: Refusal; count: number } = { count: 0 };
  const onRefusal = async (error: Refusal, line: Line): Promise<void> => {
    const where = `${nameOf(file)}, line ${String(line.number)}`;
    if (!target.call.flag('keep-going') || isOverQuota(error)) {
      await target.call.tell(`${where} is refused; what stands before it is published, what stands behind it is not`);
      throw error;
    }
    refused.first ??= error;
    refused.count += 1;
    await target.call.tell(`${where} is refused`);
    await target.call.say(failureOf(error, undefined, target.call.flag('json')).text);
  };
  try {
    for await (const lines of linesOf(openInput(target.call, file) as AsyncIterable<Buffer>)) {
      for (const group of groupsOf(lines)) await publishGroup(target, group, onRefusal);
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  if (refused.first === undefined) return;
  const many = refused.count === 1 ? 'a line was' : `${String(refused.count)} lines were`;
  throw new Failure(`${many} refused`, exitCodeOf(refused.first.status), refused.first);
}

/** A batch is taken as a whole or not at all: by halves one comes to the line that is refused, and keeps the order. */
async function publishGroup(
  target: Target,
  group: readonly Line[],
  onRefusal: (error: Refusal, line: Line) => Promise<void>,
): Promise<void> {
  try {
    await sendDocument(target, documentOf(group));
  } catch (error) {
    if (!(error instanceof Refusal) || !(REFUSES_ENTRIES.includes(error.status) || isOverQuota(error))) throw error;
    const [first] = group;
    if (group.length === 1 && first !== undefined) {
      await onRefusal(error, first);
      return;
    }
    const middle = Math.ceil(group.length / 2);
    await publishGroup(target, group.slice(0, middle), onRefusal);
    await publishGroup(target, group.slice(middle), onRefusal);
  }
}

/** What is wrong is in the body; all else (a token, the feed) would be wrong with every line. */
const REFUSES_ENTRIES = [400, 409, 410, 413, 422];

/** There is room for fewer entries perhaps; where there is none for one, there is none for those behind it. */
function isOverQuota({ code }: Refusal): boolean {
  return code === 'quota-exceeded' || code === 'daily-quota-exceeded';
}
