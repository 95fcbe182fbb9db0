import { CLIENT_OPTIONS, connection } from '../client/connection.js';
import { askJson } from '../client/server.js';
import type { Command } from '../command.js';
import { show } from '../show.js';
import { table } from '../table.js';
import type { ShownFeed } from './shown-feed.js';

/** `GET /admin/feeds`, in columns. */
export const listFeeds: Command = {
  operands: '[WORKSPACE]',
  takes: [0, 1],
  about: `Lists the feeds that the token administers, of all workspaces or of one, by name.
--json gives an array of feeds with all their settings.`,
  options: CLIENT_OPTIONS,
  examples: ['millrace feeds list', "millrace feeds list shop --json | jq -r '.[].name'"],
  async run(call) {
    const { feeds } = await askJson<{ feeds: ShownFeed[] }>(await connection(call), 'GET', '/admin/feeds');
    const shown = call.words.length === 0 ? feeds : feeds.filter(({ workspace }) => workspace === call.word(0));
    const rows = shown.map((feed) => [
      `${feed.workspace}/${feed.name}`,
      feed.public === true ? 'anyone' : 'by grant',
      feed.editable === true ? 'yes' : 'no',
      keptOf(feed),
      feed.title ?? '',
    ]);
    await show(call, shown, table(['feed', 'read', 'editable', 'keeps', 'title'], rows));
    if (shown.length === 0) await call.tell('there are no feeds that this token administers');
  },
};

function keptOf({ keepDays, keepEntries }: ShownFeed): string {
  const days = keepDays === undefined ? [] : [`${String(keepDays)} days`];
  const entries = keepEntries === undefined ? [] : [`${String(keepEntries)} entries`];
  return [...days, ...entries].join(', ') || 'all';
}
