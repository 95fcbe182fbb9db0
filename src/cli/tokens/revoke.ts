import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { ask } from '../client/server.js';
import type { Command } from '../command.js';
import { show } from '../show.js';

/** `DELETE /admin/tokens/{id}` */
export const revokeToken: Command = {
  operands: 'ID…',
  takes: [1, 1000],
  about: `Revokes tokens by their ids, which \`millrace tokens list\` shows. Nobody gets in with them any more, on any node within a second.
What their bearers have made, tokens and users, stays.`,
  options: CLIENT_OPTIONS,
  examples: ['millrace tokens revoke 8c1f03b2a94d6e75'],
  async run(call) {
    const server = await connection(call);
    for (const id of call.words) {
      await ask(server, 'DELETE', `/admin/tokens/${encodeURIComponent(id)}`);
      await show(call, { revoked: id }, `Revoked ${id}.\n`);
    }
  },
};
