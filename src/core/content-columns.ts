import type { ColumnType, ColumnTypes, ContractVersion } from './contract.js';
import type { Instant } from './entry.js';
import { FeedsError } from './errors.js';
import type { Feed } from './feed.js';
import { isEarlier } from './instants.js';

/** Values of the content that an export has as columns, by the rules of contracts (docs/adr/0014). */

export interface ContentColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/** An integer is a bigint, a timestamp an instant; null: there is none, or it is not of the type. */
export type ContentValue = string | bigint | number | boolean | null;

/** In an export their names begin so, and no others ever will. */
const PREFIX = 'x_';

export function isContentColumn(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** As it is called in an export. */
export function exportedName({ name }: Pick<ContentColumn, 'name'>): string {
  return PREFIX + name;
}

/** Those of an export's columns that are of the content, in their order. The types are those of all of them. */
export function contentColumns(columns: readonly string[], types: ColumnTypes): readonly ContentColumn[] {
  return columns.filter(isContentColumn).map((column) => {
    const name = column.slice(PREFIX.length);
    const type = types[name];
    if (type === undefined) throw new Error(`the column ${column} has no type`);
    return { name, type };
  });
}

type Described = Pick<Feed, 'workspace' | 'name' | 'contracts'>;

/** Of those versions that have columns, by their ids. */
export type ColumnTypesOfVersions = ReadonlyMap<number, ColumnTypes>;

/** The types of those of an export's columns that are of the content. Throws `bad-parameter` for one that no feed has, or that feeds have of several types. */
export function columnTypesOf(
  columns: readonly string[],
  feeds: Iterable<Described>,
  typesOf: ColumnTypesOfVersions,
): ColumnTypes {
  const wanted = columns.filter(isContentColumn);
  const known = new Map<string, { readonly type: ColumnType; readonly feed: string }>();
  for (const { workspace, name: feedName, contracts } of feeds) {
    const feed = `${workspace}/${feedName}`;
    for (const [name, type] of contracts.flatMap(({ id }) => Object.entries(typesOf.get(id) ?? {}))) {
      const column = exportedName({ name });
      const other = known.get(column);
      if (other === undefined) known.set(column, { type, feed });
      else if (other.type !== type && wanted.includes(column)) {
        const message = `the column "${column}" is of the type ${other.type} in ${other.feed}, and of the type ${type} in ${feed}: export them apart`;
        throw new FeedsError('bad-parameter', message);
      }
    }
  }
  return Object.fromEntries(
    wanted.map((column) => {
      const found = known.get(column);
      if (found === undefined) throw noColumn(column, [...known.keys()]);
      return [column.slice(PREFIX.length), found.type];
    }),
  );
}

/** More are not told. */
const MOST_TOLD = 50;

function noColumn(column: string, known: readonly string[]): FeedsError {
  const told = known.toSorted().slice(0, MOST_TOLD).join(', ');
  const there =
    known.length === 0 ? 'they have no columns' : `they have ${told}${known.length > MOST_TOLD ? ', …' : ''}`;
  return new FeedsError(
    'bad-parameter',
    `the contracts of these feeds have no column "${column.slice(0, 64)}"; ${there}`,
  );
}

/**
 * Which version says where the value of a column is: the one that the entry was checked against, and where that does not say, or
 * there is none, the newest of those that do, of what there was at the time. So it is the same whenever it is asked again.
 */
export function versionFor(
  name: string,
  contracts: readonly ContractVersion[],
  typesOf: ColumnTypesOfVersions,
  checkedBy: number | undefined,
  at: Instant,
): ContractVersion | undefined {
  const saying = contracts.filter(({ id }) => Object.hasOwn(typesOf.get(id) ?? {}, name));
  return (
    saying.find(({ version }) => version === checkedBy) ?? saying.findLast(({ createdAt }) => !isEarlier(at, createdAt))
  );
}
