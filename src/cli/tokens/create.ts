import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { askJson } from '../client/server.js';
import { UsageError } from '../command.js';
import type { Command } from '../command.js';
import { show } from '../show.js';
import { dateOf, grantText } from './shown-token.js';
import type { Grant, ShownToken } from './shown-token.js';

/** `POST /admin/tokens` */
export const createToken: Command = {
  operands: '--name NAME --grant ROLE[:WORKSPACE[/FEED]]…',
  takes: [0, 0],
  about: `Makes a token and prints it: now, and never again. It stands alone on stdout, so that it can be kept in a file or a variable;
what there is to say of it goes to stderr. --json gives the token with its id, grants and times.
Roles: reader, publisher, exporter, admin; in everything, in a workspace, or in a feed.`,
  options: {
    name: { value: 'NAME', about: 'who or what will have it' },
    grant: {
      value: 'ROLE[:WORKSPACE[/FEED]]',
      several: true,
      about: 'what it lets its bearer do; as often as you like',
    },
    'expires-in-days': { value: 'DAYS', about: 'for how long it is good; without it, until it is revoked' },
    ...CLIENT_OPTIONS,
  },
  examples: [
    'millrace tokens create --name "The shop" --grant publisher:shop/orders --expires-in-days 365 > shop.token',
    'millrace tokens create --name Billing --grant reader:shop --grant reader:audit/log',
  ],
  async run(call) {
    const name = call.text('name');
    if (name === undefined) throw new UsageError('say by --name who or what will have it');
    const grants = call.texts('grant').map(grantOf);
    if (grants.length === 0) throw new UsageError('say by --grant what it is good for, for example reader:shop/orders');
    const expiresInDays = call.number('expires-in-days', { from: 1, to: 3650 });
    const body = { name, grants, ...(expiresInDays === undefined ? {} : { expiresInDays }) };
    const server = await connection(call);
    const made = await askJson<ShownToken & { token: string }>(server, 'POST', '/admin/tokens', body);
    await show(call, made, `${made.token}\n`);
    if (call.flag('json')) return;
    const until = dateOf(made.expiresAt, 'it is revoked');
    await call.tell(`token ${made.id} is good for ${made.grants.map(grantText).join(', ')} until ${until}`);
  },
};

function grantOf(text: string): Grant {
  const [, role, workspace, feed] = /^([a-z]+)(?::([^/]+)(?:\/([^/]+))?)?$/.exec(text) ?? [];
  if (role === undefined) {
    throw new UsageError(`--grant is "${text.slice(0, 100)}", expected ROLE, ROLE:WORKSPACE or ROLE:WORKSPACE/FEED`);
  }
  return { role, ...(workspace === undefined ? {} : { workspace }), ...(feed === undefined ? {} : { feed }) };
}
