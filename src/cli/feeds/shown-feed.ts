import { record } from '../table.js';

/** A feed as /admin shows it (schemas/api/feed.json), as far as this end knows it. */
export type ShownFeed = Readonly<Record<string, unknown>> & {
  readonly workspace: string;
  readonly name: string;
  readonly url: string;
  readonly title?: string;
  readonly public?: boolean;
  readonly editable?: boolean;
  readonly keepDays?: number;
  readonly keepEntries?: number;
  readonly head?: number | string;
  readonly firstKept?: number | string;
};

/** Its settings, one a line. */
export function feedText({ workspace, name, ...rest }: ShownFeed): string {
  return record([['feed', `${workspace}/${name}`], ...pairsOf('', rest)]);
}

function pairsOf(prefix: string, value: object): (readonly [string, string])[] {
  return Object.entries(value).flatMap(([key, member]: [string, unknown]) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? pairsOf(`${prefix}${key}.`, member)
      : [[`${prefix}${key}`, typeof member === 'string' ? member : JSON.stringify(member)] as const],
  );
}
