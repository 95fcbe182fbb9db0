import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { feedName, feedPath } from '../client/feed-name.js';
import { askJson } from '../client/server.js';
import type { Command } from '../command.js';
import { show } from '../show.js';
import { table } from '../table.js';
import type { ShownVersion } from './shown-version.js';

/** `GET /feeds/{workspace}/{feed}/schemas`, in columns. */
export const listSchemas: Command = {
  operands: 'WORKSPACE/FEED',
  takes: [1, 1],
  about: `Lists the versions of a feed's contract, the oldest first. Entries are checked against the one that is active, or against one that
is accepted where they name it; those that are retired are there to read old entries by.`,
  options: CLIENT_OPTIONS,
  examples: ['millrace schemas list shop/orders'],
  async run(call) {
    const name = feedName(call.word(0));
    const path = `${feedPath(name)}/schemas`;
    const { versions } = await askJson<{ versions: ShownVersion[] }>(await connection(call), 'GET', path);
    const rows = versions.map(({ version, kind, state, createdAt }) => [String(version), kind, state, createdAt]);
    await show(call, versions, table(['version', 'kind', 'state', 'since'], rows));
    if (versions.length === 0) await call.tell(`${name.text} has no contract`);
  },
};
