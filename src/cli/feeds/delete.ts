import { createInterface } from 'node:readline/promises';
import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { adminPath, feedName } from '../client/feed-name.js';
import { ask } from '../client/server.js';
import { UsageError } from '../command.js';
import type { Call, Command } from '../command.js';
import { show } from '../show.js';

/** `DELETE /admin/feeds/{workspace}/{feed}?confirm=`: the name has to be said twice. */
export const deleteFeed: Command = {
  operands: 'WORKSPACE/FEED',
  takes: [1, 1],
  about: `Deletes a feed and all that it holds. On a terminal you are asked to type its name; a script gives it by --confirm.
The server keeps it for a day: so long \`millrace feeds restore\` brings it back. With --purge it is gone for good, at once, also
when it was deleted before: the name is free then.`,
  options: {
    confirm: { value: 'WORKSPACE/FEED', about: 'the name once more, instead of being asked' },
    purge: { about: 'for good: nobody can bring it back' },
    ...CLIENT_OPTIONS,
  },
  examples: [
    'millrace feeds delete shop/orders',
    'millrace feeds delete shop/orders --confirm shop/orders',
    'millrace feeds delete shop/orders --purge',
  ],
  async run(call) {
    const name = feedName(call.word(0));
    const server = await connection(call);
    const [purge, forGood] = call.flag('purge') ? ['&purge=true', ' for good'] : ['', ''];
    const confirmed = call.text('confirm') ?? (await asked(call, name.text, forGood));
    if (confirmed !== name.text) {
      throw new UsageError(`"${confirmed.slice(0, 100)}" is not the name ${name.text}: nothing was deleted`);
    }
    await ask(server, 'DELETE', `${adminPath(name)}?confirm=${encodeURIComponent(confirmed)}${purge}`);
    await show(call, { deleted: name.text }, `Deleted ${name.text}${forGood}.\n`);
  },
};

async function asked({ surroundings }: Call, name: string, forGood: string): Promise<string> {
  const { stdin, stderr, isInteractive } = surroundings;
  if (!isInteractive) throw new UsageError(`to delete it for sure, add --confirm ${name}`);
  const person = createInterface({ input: stdin, output: stderr });
  const gone = new AbortController();
  person.once('close', () => {
    gone.abort();
  });
  try {
    const question = `This deletes ${name} and all that it holds${forGood}. Type its name to go on: `;
    return (await person.question(question, { signal: gone.signal })).trim();
  } catch {
    // Ctrl-C or Ctrl-D is an answer too.
    throw new UsageError(`nothing was deleted`);
  } finally {
    person.close();
  }
}
