import type { Command } from './command.js';
import { listFeeds } from './feeds/list.js';
import { showFeed } from './feeds/show.js';
import { createFeed } from './feeds/create.js';
import { setFeed } from './feeds/set.js';
import { deleteFeed } from './feeds/delete.js';
import { restoreFeed } from './feeds/restore.js';
import { listSchemas } from './schemas/list.js';
import { showSchema } from './schemas/show.js';
import { checkSchema } from './schemas/check.js';
import { registerSchema } from './schemas/register.js';
import { retireSchema, reinstateSchema } from './schemas/retire.js';
import { listTokens } from './tokens/list.js';
import { createToken } from './tokens/create.js';
import { revokeToken } from './tokens/revoke.js';
import { publish } from './publish/publish.js';
import { tail } from './tail/tail.js';

/** All commands by their names; what help says of each in one line is in main.ts. A server is loaded only when it is wanted. */
export const COMMANDS = {
  serve: async () => (await import('./serve.js')).serve,
  migrate: async () => (await import('./migrate.js')).migrateCommand,
  copy: async () => (await import('./copy.js')).copy,
  'feeds list': () => listFeeds,
  'feeds show': () => showFeed,
  'feeds create': () => createFeed,
  'feeds set': () => setFeed,
  'feeds delete': () => deleteFeed,
  'feeds restore': () => restoreFeed,
  'schemas list': () => listSchemas,
  'schemas show': () => showSchema,
  'schemas check': () => checkSchema,
  'schemas register': () => registerSchema,
  'schemas retire': () => retireSchema,
  'schemas reinstate': () => reinstateSchema,
  'tokens list': () => listTokens,
  'tokens create': () => createToken,
  'tokens revoke': () => revokeToken,
  publish: () => publish,
  tail: () => tail,
} as const satisfies Readonly<Record<string, () => Command | Promise<Command>>>;

export type CommandName = keyof typeof COMMANDS;
