import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { adminPath, feedName } from '../client/feed-name.js';
import { askJson } from '../client/server.js';
import { UsageError } from '../command.js';
import type { Call, Command } from '../command.js';
import { show } from '../show.js';
import type { ShownVersion } from './shown-version.js';

const SHAPE = { operands: 'WORKSPACE/FEED VERSION', takes: [2, 2], options: CLIENT_OPTIONS } as const;

/** `PATCH /admin/feeds/{workspace}/{feed}/schemas/{version}` */
export const retireSchema: Command = {
  ...SHAPE,
  about: `Retires a version of a feed's contract: nobody publishes by it any more. What was published by it stays, and so does the version, for
those who read that. When all are retired the feed takes any content.`,
  examples: ['millrace schemas retire shop/orders 1'],
  run: (call) => setRetired(call, true),
};

/** The way back. */
export const reinstateSchema: Command = {
  ...SHAPE,
  about:
    'Takes a retired version of a contract back into use. It has to be compatible with the others then in force (else 6).',
  examples: ['millrace schemas reinstate shop/orders 1'],
  run: (call) => setRetired(call, false),
};

async function setRetired(call: Call, retired: boolean): Promise<void> {
  const path = `${adminPath(feedName(call.word(0)))}/schemas`;
  const number = call.word(1);
  if (!/^\d+$/.test(number)) throw new UsageError(`"${number.slice(0, 40)}" is no version, expected a number`);
  const version = await askJson<ShownVersion>(await connection(call), 'PATCH', `${path}/${number}`, { retired });
  await show(call, version, `Version ${String(version.version)} is ${version.state}.\n`);
}
