import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { FeedsError } from '../../../src/core/errors.js';
import {
  indexTerms,
  isPrivate,
  matches,
  normaliseTerm,
  parseSearch,
  planSearch,
  printSearch,
  tenantTerms,
  type Search,
} from '../../../src/core/search.js';
import { aSearch, aTerm } from '../../support/searches.js';

const term = (text: string): Search => ({ kind: 'term', term: text });
const prefix = (text: string): Search => ({ kind: 'prefix', prefix: text });
const and = (...of: Search[]): Search => ({ kind: 'and', of });
const or = (...of: Search[]): Search => ({ kind: 'or', of });
const not = (of: Search): Search => ({ kind: 'not', of });

const ALL = { withPrivate: true };
const PUBLIC = { withPrivate: false };

describe('the terms of tenants', () => {
  it('are those that an entry can have', () => {
    expect(tenantTerms(['1', 'a\u0000b', 'c\u0001tid:2', ''])).to.deep.equal(['tid:1', 'tid:']);
  });
});

describe('category search', () => {
  describe('in the classic style', () => {
    const examples: [string, Search][] = [
      ['+a', term('a')],
      ['+a+b', or(term('a'), term('b'))],
      ['+a+b+c', or(term('a'), term('b'), term('c'))],
      ['+Cat1+cAT2', or(term('cat1'), term('cat2'))],
      [' a', term('a')],
      [' a b', or(term('a'), term('b'))],
      ['+a b', or(term('a'), term('b'))],
      ['+a\\+b', term('a+b')],
      ['+a\\ b', term('a b')],
      ['+a\\\\b', term('a\\b')],
      ['+\\a', term('a')],
      ['+(cat=a)', term('(cat=a)')],
      ['+"a",{b}', term('"a",{b}')],
      ['+tid:AbC+TID:AbC', or(term('tid:AbC'), term('tid:AbC'))],
      ['+tid:*', prefix('tid:')],
      ['+Tid:Ab*+type:X*', or(prefix('tid:Ab'), prefix('type:x'))],
      ['+a\\*', term('a*')],
      ['+\\**', prefix('*')],
      ['+😀\\😀', term('😀😀')],
    ];
    for (const [text, search] of examples) {
      it(`reads ${text}`, () => expect(parseSearch(text)).to.deep.equal(search));
    }
  });

  describe('in LDAP style', () => {
    const examples: [string, Search][] = [
      ['(cat=D)', term('d')],
      ['(&(cat=A)(cat=B))', and(term('a'), term('b'))],
      ['(AND(cat=A)(cat=B))', and(term('a'), term('b'))],
      ['(|(cat=A)(cat=B))', or(term('a'), term('b'))],
      ['(OR(cat=A)(cat=B))', or(term('a'), term('b'))],
      ['(!(cat=A))', not(term('a'))],
      ['(NOT(cat=A))', not(term('a'))],
      ['(not (OR (cat=a) (and(cat=b)) ) )', not(or(term('a'), and(term('b'))))],
      [' (cat=a) ', term('a')],
      ['( cat=a )', term('a ')],
      ['(cat= a b)', term(' a b')],
      ['(cat=a+b)', term('a+b')],
      ['(cat=a=b&c|d!e)', term('a=b&c|d!e')],
      ['(cat=and)', term('and')],
      ['(CAT=a)', term('a')],
      ['(cat=\\(a\\)\\\\\\*)', term('(a)\\*')],
      ['(cat=\\28a\\29\\5c\\2A)', term('(a)\\*')],
      ['(cat=\\c3\\89t\\c3\\a9)', term('été')],
      ['(cat=tid:*)', prefix('tid:')],
      ['(cat=TID:A\\**)', prefix('tid:A*')],
    ];
    for (const [text, search] of examples) {
      it(`reads ${text}`, () => expect(parseSearch(text)).to.deep.equal(search));
    }
  });

  it('is none when it is empty or blank', () => {
    expect(parseSearch('')).to.equal(undefined);
    expect(parseSearch('   ')).to.equal(undefined);
  });

  describe('refuses a mistake and names its place:', () => {
    const examples: [string, string][] = [
      ['a', 'character 1: expected "+" before each term'],
      ['search=a)', 'character 1: expected "+"'],
      ['+', 'character 2 (its end): expected a term'],
      ['+a+', 'character 4 (its end): expected a term'],
      ['++a', 'character 2: expected a term'],
      ['  a', 'character 2: expected a term'],
      ['+a\\', 'character 4 (its end): expected a character after "\\"'],
      ['+a*b', 'character 3: a "*" may only end a term'],
      ['+a**', 'character 3: a "*" may only end a term'],
      ['+*', 'character 2: a "*" may only end a term'],
      ['+😀+*', 'character 4: a "*" may only end a term'],
      ['(', 'character 2 (its end): expected "cat="'],
      ['()', 'character 2: expected "cat="'],
      ['( orange=1)', 'character 3: expected "cat="'],
      ['(dog=a)', 'character 2: expected "cat="'],
      ['(cat>=a)', 'character 2: expected "cat="'],
      ['(cat=)', 'character 6: expected a term'],
      ['(cat=*)', 'character 6: a "*" may only end a term'],
      ['(cat=a*b)', 'character 7: a "*" may only end a term'],
      ['(cat=a', 'character 7 (its end): expected ")"'],
      ['(cat=a(b))', 'character 7: expected ")"'],
      ['(cat=a))', 'character 8: expected the end of the search'],
      ['(cat=a)(cat=b)', 'character 8: expected the end of the search'],
      ['(cat=a) +b', 'character 9: expected the end of the search'],
      ['(&)', 'character 3: expected "("'],
      ['(AND)', 'character 5: expected "("'],
      ['(&cat=a)', 'character 3: expected "("'],
      ['(&(cat=a)b)', 'character 10: expected ")"'],
      ['(!(cat=a)(cat=b))', 'character 10: expected ")"'],
      ['(cat=a\\', 'character 7: expected one of ( ) \\ * or two hexadecimal digits'],
      ['(cat=a\\x)', 'character 7: expected one of ( ) \\ * or two hexadecimal digits'],
      ['(cat=a\\2)', 'character 7: expected one of ( ) \\ * or two hexadecimal digits'],
      ['(cat=a\\ff)', 'character 7: these escaped bytes are not UTF-8'],
      ['+\u0001tid:', 'character 2: this term has a character that no category can have'],
      ['(cat=a\\00)', 'character 6: this term has a character that no category can have'],
      ['+a+\ud800', 'character 4: this term has a character that no category can have'],
    ];
    for (const [text, message] of examples) {
      it(JSON.stringify(text), () => expect(refusal(text)).to.contain(`search, ${message}`));
    }
  });

  it('takes 4,096 characters and no more', () => {
    expect(parseSearch('(cat='.padEnd(4095, '😀') + ')')).to.have.property('kind', 'term');
    expect(refusal('(cat='.padEnd(4096, 'a') + ')')).to.equal('search: it has 4097 characters, at most 4096 are taken');
  });

  it('takes nothing that it could not read back from its own print', () => {
    expect(refusal('+'.padEnd(3000, '('))).to.equal(
      'search: in LDAP style it has 6004 characters, at most 4096 are taken',
    );
  });

  it('takes 100 terms and no more', () => {
    expect(parseSearch('+a'.repeat(100)))
      .to.have.property('of')
      .with.length(100);
    expect(refusal('+a'.repeat(101))).to.equal('search, character 202: at most 100 terms are taken');
    expect(refusal(`(|${'(cat=a)'.repeat(101)})`)).to.contain('at most 100 terms are taken');
  });

  it('takes filters 50 deep and no deeper', () => {
    const nested = (depth: number): string => '(!'.repeat(depth - 1) + '(cat=a)' + ')'.repeat(depth - 1);
    expect(printSearch(parseSearch(nested(50))!)).to.equal(nested(50));
    expect(refusal(nested(51))).to.equal('search, character 101: filters may be nested 50 deep');
  });

  it('answers any text with a search or a refusal, never another error', () => {
    const pieces = fc.constantFrom(...'()&|!*\\+ aA:=\u0000é😀'.split(''), '(cat=', '(AND', 'OR', 'tid:', '\\2a', '😀');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        const text = parts.join('');
        try {
          const search = parseSearch(text);
          if (search !== undefined) expect(parseSearch(printSearch(search))).to.deep.equal(search);
        } catch (error) {
          expect(error).to.be.an.instanceOf(FeedsError).with.property('code', 'bad-search');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is the same after it was printed and read again', () => {
    fc.assert(
      fc.property(aSearch(), (search) => {
        expect(parseSearch(printSearch(search))).to.deep.equal(search);
      }),
    );
  });

  describe('of terms', () => {
    const examples: [string, string][] = [
      ['Type:Usage', 'type:usage'],
      ['tid:AbC', 'tid:AbC'],
      ['TiD:AbC', 'tid:AbC'],
      ['Tid', 'tid'],
      ['xTID:A', 'xtid:a'],
      ['ÉTÉ', 'été'],
      ['ΟΔΟΣ', 'οδοσ'],
      ['οδος', 'οδοσ'],
      ['TİD:A', 'ti̇d:a'],
      ['STRASSE', 'strasse'],
      ['', ''],
    ];
    for (const [from, to] of examples) {
      it(`compares "${from}" as "${to}"`, () => expect(normaliseTerm(from)).to.equal(to));
    }

    it('has a comparison form that is its own comparison form', () => {
      fc.assert(
        fc.property(aTerm(), (text) => {
          expect(normaliseTerm(normaliseTerm(text))).to.equal(normaliseTerm(text));
        }),
        { numRuns: 500 },
      );
    });

    it('has a comparison form that begins with the comparison form of each of its beginnings', () => {
      fc.assert(
        fc.property(aTerm(), fc.nat(), (text, seed) => {
          const characters = [...text];
          const beginning = characters.slice(0, seed % (characters.length + 1)).join('');
          expect(normaliseTerm(text).startsWith(normaliseTerm(beginning))).to.equal(true);
        }),
        { numRuns: 500 },
      );
    });
  });

  it('indexes each term once, and the part up to its first colon as a marked term of its own', () => {
    expect(indexTerms(['Type:A:b', 'type:a:B', 'tid:X', 'tid:x', 'plain', ':y'])).to.deep.equal([
      'type:a:b',
      '\u0001type:',
      'tid:X',
      '\u0001tid:',
      'tid:x',
      'plain',
      ':y',
      '\u0001:',
    ]);
  });

  describe('goes through the index', () => {
    const examples: [string, string[]][] = [
      ['+a', ['a']],
      ['+a+B+a', ['a', 'b']],
      ['(cat=TID:*)', ['\u0001tid:']],
      ['+tid:*+type:*+a', ['\u0001tid:', '\u0001type:', 'a']],
      ['(|(cat=a)(|(cat=b)(cat=:*)))', ['a', 'b', '\u0001:']],
      ['(&(cat=a))', ['a']],
    ];
    for (const [text, terms] of examples) {
      it(`for ${text}`, () => expect(planSearch(parseSearch(text)!, PUBLIC)).to.deep.equal({ by: 'index', terms }));
    }
  });

  describe('scans', () => {
    for (const text of [
      '(cat=tid:1*)',
      '(cat=ti*)',
      '(cat=a:b:*)',
      '(&(cat=a)(cat=b))',
      '(&(cat=a*))',
      '(!(cat=a))',
      '(|(cat=a)(!(cat=b)))',
    ]) {
      it(`for ${text}`, () => {
        const search = parseSearch(text)!;
        expect(planSearch(search, ALL)).to.deep.equal({ by: 'scan', search });
      });
    }
  });

  it('finds by the index exactly what matches, of what is not private or of all', () => {
    const indexed = aSearch().filter((search) => planSearch(search, ALL).by === 'index');
    const categories = fc.array(fc.oneof({ arbitrary: aTerm(), weight: 4 }, fc.constant('CloudFeeds:Private')), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(indexed, categories, (search, terms) => {
        const stored = indexTerms(terms);
        const normalised = terms.map(normaliseTerm);
        for (const reach of [ALL, PUBLIC]) {
          const plan = planSearch(search, reach);
          const found = plan.by === 'index' && plan.terms.some((one) => stored.includes(one));
          const isSeen = reach.withPrivate || !isPrivate(normalised);
          expect(found).to.equal(isSeen && matches(search, normalised));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('leaves private entries out of a scan, too', () => {
    const plan = planSearch(parseSearch('(!(cat=a))')!, PUBLIC);
    if (plan.by !== 'scan') throw new Error('no scan');
    expect([['b'], ['a'], ['b', 'cloudfeeds:private']].map((terms) => matches(plan.search, terms))).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  describe('as docs/search.md shows it', () => {
    const rows = readFileSync(new URL('../../../docs/search.md', import.meta.url), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `') && !line.startsWith('| `search`'))
      .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')));
    const codes = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((found) => found[1]!);

    it('has examples of both kinds', () => {
      expect(rows.filter((row) => row.length === 5)).to.have.length.above(10);
      expect(rows.filter((row) => row.length === 4)).to.have.length.above(3);
    });

    for (const [, example = '', first = '', second] of rows) {
      const [text = ''] = codes(example);
      if (second === '') {
        it(`refuses ${text}`, () => expect(refusal(text)).to.equal(first));
      } else {
        it(`finds with ${text} what it says, and not what it says not`, () => {
          const search = parseSearch(text)!;
          expect(codes(first)).to.have.length.above(0);
          expect(codes(second!)).to.have.length.above(0);
          expect(matches(search, codes(first))).to.equal(true);
          expect(matches(search, codes(second!))).to.equal(false);
        });
      }
    }
  });
});

function refusal(text: string): string {
  try {
    parseSearch(text);
  } catch (error) {
    expect(error).to.be.an.instanceOf(FeedsError).with.property('code', 'bad-search');
    return (error as FeedsError).message;
  }
  throw new Error(`${JSON.stringify(text)} was taken`);
}
