import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { adminPath, feedName } from '../client/feed-name.js';
import { ask, jsonIn } from '../client/server.js';
import type { Command } from '../command.js';
import { show } from '../show.js';
import { contractFile } from './contract-file.js';
import type { ShownVersion } from './shown-version.js';

/** `POST /admin/feeds/{workspace}/{feed}/schemas` */
export const registerSchema: Command = {
  operands: 'WORKSPACE/FEED FILE',
  takes: [2, 2],
  about: `Registers a contract as the feed's next version, which entries are checked against from then on. FILE is a JSON Schema, an XML
Schema, a RELAX NG schema in XML, or a whole contract (docs/contracts.md); "-" is stdin. To register the active version again changes
nothing. Refused are what does not compile (exit code 7) and what breaks compatibility (6).`,
  options: {
    type: { value: 'MEDIA-TYPE', about: 'what it is, where that is not to be told from its content' },
    ...CLIENT_OPTIONS,
  },
  examples: [
    'millrace schemas register shop/orders order.schema.json',
    'millrace schemas register shop/orders - < contract.json',
  ],
  async run(call) {
    const path = `${adminPath(feedName(call.word(0)))}/schemas`;
    const { body, type } = await contractFile(call);
    const server = await connection(call);
    const answer = await ask(server, 'POST', path, { body, headers: { 'content-type': type } });
    const version = jsonIn<ShownVersion>(server, answer);
    const words = answer.status === 201 ? 'is registered, and active' : 'is this very contract, and active already';
    await show(call, version, `Version ${String(version.version)} (${version.kind}) ${words}.\n`);
  },
};
