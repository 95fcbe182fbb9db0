import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { adminPath, feedName } from '../client/feed-name.js';
import { askJson } from '../client/server.js';
import { UsageError } from '../command.js';
import type { Command } from '../command.js';
import { show } from '../show.js';
import { SETTINGS, changed, changesIn } from './feed-settings.js';
import { feedText } from './shown-feed.js';
import type { ShownFeed } from './shown-feed.js';

/** `GET` and `PUT /admin/feeds/{workspace}/{feed}`: the settings that are not named stay as they are. */
export const setFeed: Command = {
  operands: 'WORKSPACE/FEED [KEY=VALUE…]',
  takes: [1, 50],
  about: `Changes settings of a feed, and shows all of them as they then are. What is not named stays as it is; KEY= takes a setting
back to its default. Settings without an option of their own are named as in the API: limits.bodyBytes=5000000.`,
  options: { ...SETTINGS, ...CLIENT_OPTIONS },
  examples: [
    'millrace feeds set shop/orders --keep-days 30',
    'millrace feeds set shop/orders title="All orders" keepDays=',
  ],
  async run(call) {
    const path = adminPath(feedName(call.word(0)));
    const changes = changesIn(call);
    if (changes.length === 0) throw new UsageError('say what to set: an option, or KEY=VALUE');
    const server = await connection(call);
    const before = await askJson<ShownFeed>(server, 'GET', path);
    // What was read may be sent back: the server passes over what is not a setting.
    const existing = { headers: { 'if-match': '*' } };
    const feed = await askJson<ShownFeed>(server, 'PUT', path, changed(before, changes), existing);
    await show(call, feed, feedText(feed));
  },
};
