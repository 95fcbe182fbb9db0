import { expect } from 'chai';
import fc from 'fast-check';
import pg from 'pg';
import { matches, normaliseTerm, parseSearch, type Search } from '../../src/core/search.js';
import { searchCondition } from '../../src/store/search-sql.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { aSearch, aTerm } from '../support/searches.js';

describe('a search as a condition of SQL', () => {
  let database: TestDatabase;
  let client: pg.Client;

  before(async () => {
    database = await createDatabase('empty');
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });

  after(async () => {
    await client.end();
    await database.drop();
  });

  async function isFound(search: Search, terms: readonly string[]): Promise<boolean> {
    const { sql, values } = searchCondition(search, 'e.terms', 2);
    const text = `select ${sql} as found from (select $1::text[] collate "C" as terms) as e`;
    const { rows } = await client.query<{ found: boolean }>(text, [terms, ...values]);
    return rows[0]!.found;
  }

  it('is true of the entries that match, and of no others', async () => {
    const entry = fc.array(aTerm().map(normaliseTerm), { maxLength: 4 });
    let found = 0;
    await fc.assert(
      fc.asyncProperty(aSearch(), entry, async (search, terms) => {
        const expected = matches(search, terms);
        found += Number(expected);
        expect(await isFound(search, terms)).to.equal(expected);
      }),
      { numRuns: 400 },
    );
    expect(found).to.be.within(40, 360, 'a good part of the entries match and a good part do not');
  });

  it('takes what looks like SQL or a pattern for the text that it is', async () => {
    const awkward = String.raw`'; drop table x; -- % _ $1 {"a"} \ *`;
    const search = parseSearch(`(cat=${awkward.replace(/[\\*]/g, '\\$&')})`)!;
    expect(await isFound(search, [normaliseTerm(awkward)])).to.equal(true);
    expect(await isFound(search, ['another'])).to.equal(false);
    expect(await isFound({ kind: 'prefix', prefix: 'a%' }, ['abc'])).to.equal(false);
  });

  it('numbers its parameters from the one it is given, in the order of the values', () => {
    const search = parseSearch('(&(cat=a)(!(|(cat=b*)(cat=c))))')!;
    expect(searchCondition(search, 'terms', 7)).to.deep.equal({
      sql:
        '($7 = any (terms) and not ((' +
        'exists (select from unnest(terms) as term where starts_with(term, $8)) or $9 = any (terms))))',
      values: ['a', 'b', 'c'],
    });
  });

  it('is read by Postgres at the largest size that a search can have', async () => {
    const deep = `${'(!'.repeat(48)}(|${'(cat=a*)'.repeat(100)})${')'.repeat(48)}`;
    expect(await isFound(parseSearch(deep)!, ['b'])).to.equal(false);
    expect(await isFound(parseSearch(deep)!, ['ab'])).to.equal(true);
  });
});
