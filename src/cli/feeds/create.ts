import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { adminPath, feedName } from '../client/feed-name.js';
import type { FeedName } from '../client/feed-name.js';
import { Refusal } from '../client/refusal.js';
import { askJson } from '../client/server.js';
import type { Server } from '../client/server.js';
import type { Command } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failures.js';
import { show } from '../show.js';
import { SETTINGS, changed, changesIn } from './feed-settings.js';
import { feedText } from './shown-feed.js';
import type { ShownFeed } from './shown-feed.js';

const ONLY_NEW = { headers: { 'if-none-match': '*' } };

/** `PUT /admin/feeds/{workspace}/{feed}` of what is not there yet. */
export const createFeed: Command = {
  operands: 'WORKSPACE/FEED [KEY=VALUE…]',
  takes: [1, 50],
  about: `Makes a feed, and shows its settings. One that is there already is left as it is, and the exit code is 6.
Settings without an option of their own are given as KEY=VALUE, by their names in the API: limits.bodyBytes=5000000.`,
  options: {
    ...SETTINGS,
    editable: { about: 'its entries may be changed and deleted; that cannot be changed later' },
    'with-workspace': { about: 'make the workspace too, if it is not there' },
    ...CLIENT_OPTIONS,
  },
  examples: [
    'millrace feeds create shop/orders --title Orders --public --with-workspace',
    'millrace feeds create shop/audit --keep-days 90 author.name=Audit',
  ],
  async run(call) {
    const name = feedName(call.word(0));
    const settings = changed({}, changesIn(call));
    const server = await connection(call);
    if (call.flag('with-workspace')) await makeWorkspace(server, name);
    let feed: ShownFeed;
    try {
      feed = await askJson<ShownFeed>(server, 'PUT', adminPath(name), settings, ONLY_NEW);
    } catch (error) {
      throw explained(error, name, call.flag('with-workspace'));
    }
    await show(call, feed, feedText(feed));
  },
};

async function makeWorkspace(server: Server, { workspace }: FeedName): Promise<void> {
  const path = `/admin/workspaces/${encodeURIComponent(workspace)}`;
  // 412: it is there.
  await askJson(server, 'PUT', path, {}, { ...ONLY_NEW, also: [412] });
}

/** What the server says of its own condition, in the words of the command. */
function explained(error: unknown, { text, workspace }: FeedName, withWorkspace: boolean): unknown {
  if (!(error instanceof Refusal)) return error;
  if (error.status === 412) {
    return new Failure(
      `there is a feed ${text} already; \`millrace feeds set\` changes its settings`,
      EXIT.conflict,
      error,
    );
  }
  if (error.status === 409) {
    const ways = `\`millrace feeds restore ${text}\` brings it back, \`millrace feeds delete ${text} --purge\` frees its name.`;
    return new Failure(`${error.problem.detail}\n${ways}`, EXIT.conflict, error);
  }
  if (error.status === 404 && !withWorkspace) {
    const message = `${error.problem.detail}\n--with-workspace makes the workspace ${workspace} too.`;
    return new Failure(message, EXIT.missing, error);
  }
  return error;
}
