import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { feedName, feedPath } from '../client/feed-name.js';
import { ask, askJson } from '../client/server.js';
import { UsageError } from '../command.js';
import type { Command } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failures.js';
import { oneLineJson, printableLines } from '../printable.js';
import type { ShownVersion } from './shown-version.js';

/** `GET /feeds/{workspace}/{feed}/schemas/{version}` */
export const showSchema: Command = {
  operands: 'WORKSPACE/FEED [VERSION]',
  takes: [1, 2],
  about: `Prints a version of a feed's contract: the schema as it was registered, or with --json the whole contract as one line, which may
be registered as it is. Without a version it is the active one. With --example it prints an entry that fits.`,
  options: { example: { about: 'an entry that fits, in JSON' }, ...CLIENT_OPTIONS },
  examples: ['millrace schemas show shop/orders', 'millrace schemas show shop/orders 2 --json > contract.json'],
  async run(call) {
    const name = feedName(call.word(0));
    const server = await connection(call);
    const list = `${feedPath(name)}/schemas`;
    let version = call.word(1);
    if (version === '') {
      const { versions } = await askJson<{ versions: ShownVersion[] }>(server, 'GET', list);
      const active = versions.find(({ state }) => state === 'active');
      if (active === undefined) throw new Failure(`${name.text} has no contract that is in force`, EXIT.missing);
      version = String(active.version);
    }
    if (!/^\d+$/.test(version)) throw new UsageError(`"${version.slice(0, 40)}" is no version, expected a number`);
    const part = call.flag('example')
      ? '/example?format=json'
      : call.flag('json')
        ? '?format=contract'
        : '?format=schema';
    const { body } = await ask(server, 'GET', `${list}/${version}${part}`, { headers: { accept: '*/*' } });
    if (call.flag('json')) await call.print(`${oneLineJson(body)}\n`);
    else await call.print(`${call.surroundings.isTerminal ? printableLines(body.trimEnd()) : body.trimEnd()}\n`);
  },
};
