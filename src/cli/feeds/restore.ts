import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { adminPath, feedName } from '../client/feed-name.js';
import { Refusal } from '../client/refusal.js';
import { ask, askJson } from '../client/server.js';
import type { Command } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failures.js';
import { show } from '../show.js';
import { feedText } from './shown-feed.js';
import type { ShownFeed } from './shown-feed.js';

/** `POST /admin/feeds/{workspace}/{feed}/restore` */
export const restoreFeed: Command = {
  operands: 'WORKSPACE/FEED',
  takes: [1, 1],
  about:
    'Brings a feed back that was deleted, with all that it held, as long as the server keeps it (a day), and shows its settings.',
  options: CLIENT_OPTIONS,
  examples: ['millrace feeds restore shop/orders'],
  async run(call) {
    const name = feedName(call.word(0));
    const server = await connection(call);
    try {
      await ask(server, 'POST', `${adminPath(name)}/restore`);
    } catch (error) {
      throw explained(error, name.text);
    }
    const feed = await askJson<ShownFeed>(server, 'GET', adminPath(name));
    await show(call, feed, feedText(feed));
  },
};

function explained(error: unknown, name: string): unknown {
  if (!(error instanceof Refusal)) return error;
  if (error.status === 404) {
    const message = `no deleted feed ${name} is kept here: it was never there, or was deleted for good or too long ago`;
    return new Failure(message, EXIT.missing, error);
  }
  if (error.status === 405) return new Failure('this server cannot bring feeds back', EXIT.failed, error);
  return error;
}
