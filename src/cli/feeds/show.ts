import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { adminPath, feedName } from '../client/feed-name.js';
import { askJson } from '../client/server.js';
import type { Command } from '../command.js';
import { show } from '../show.js';
import { feedText } from './shown-feed.js';
import type { ShownFeed } from './shown-feed.js';

/** `GET /admin/feeds/{workspace}/{feed}` */
export const showFeed: Command = {
  operands: 'WORKSPACE/FEED',
  takes: [1, 1],
  about:
    'Shows the settings of a feed and the extent of its log: head is the last position, firstKept the first one kept.',
  options: CLIENT_OPTIONS,
  examples: ['millrace feeds show shop/orders', 'millrace feeds show shop/orders --json | jq .head'],
  async run(call) {
    const path = adminPath(feedName(call.word(0)));
    const feed = await askJson<ShownFeed>(await connection(call), 'GET', path);
    await show(call, feed, feedText(feed));
  },
};
