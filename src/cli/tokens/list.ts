import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { askJson } from '../client/server.js';
import type { Command } from '../command.js';
import { show } from '../show.js';
import { table } from '../table.js';
import { dateOf, grantText } from './shown-token.js';
import type { ShownToken } from './shown-token.js';

/** `GET /admin/tokens`, in columns. */
export const listTokens: Command = {
  operands: '',
  takes: [0, 0],
  about: `Lists the tokens that yours administers, the oldest first; those that are good, unless --all. The tokens themselves are
not shown: nobody has them but their bearers. --json gives an array.`,
  options: { all: { about: 'those too that are expired or revoked' }, ...CLIENT_OPTIONS },
  examples: [
    'millrace tokens list',
    "millrace tokens list --all --json | jq -r '.[] | select(.lastUsedAt == null).id'",
  ],
  async run(call) {
    const { tokens } = await askJson<{ tokens: ShownToken[] }>(await connection(call), 'GET', '/admin/tokens');
    const shown = call.flag('all') ? tokens : tokens.filter(({ state }) => state === 'good');
    const rows = shown.map(({ id, name, state, grants, createdBy, expiresAt, lastUsedAt }) => [
      id,
      name,
      state,
      grants.map(grantText).join(' '),
      dateOf(expiresAt, 'never'),
      dateOf(lastUsedAt, 'never'),
      createdBy,
    ]);
    await show(call, shown, table(['id', 'name', 'state', 'grants', 'expires', 'last used', 'made by'], rows));
    if (shown.length === 0) await call.tell('there are no such tokens');
  },
};
