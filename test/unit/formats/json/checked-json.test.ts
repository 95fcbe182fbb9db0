import { expect } from 'chai';
import fc from 'fast-check';
import { compileChecks, parseJson } from '../../../../src/formats/json/checked-json.js';
import { refusalOf } from '../../../support/refusal.js';

describe('parseJson', () => {
  const read = (text: string): unknown => parseJson(Buffer.from(text));
  const place = (text: string): { line: number; column: number; message: string } => {
    const error = refusalOf(() => read(text));
    expect(error.code).to.equal('not-well-formed');
    const [violation] = error.details.violations ?? [];
    return { line: violation!.line!, column: violation!.column!, message: violation!.message };
  };

  it('tells where a text stops being JSON, and what was expected there', () => {
    expect(place('{"a": 1,}')).to.deep.equal({
      line: 1,
      column: 9,
      message: 'found "}", expected a name in double quotes',
    });
    expect(place('{\n  "a" 1}')).to.deep.equal({ line: 2, column: 7, message: 'found "1", expected ":"' });
    expect(place('[1 2]').message).to.equal('found "2", expected "," or the end of the object or array');
    expect(place('{"a": tru}').message).to.equal('found "t", expected a value');
    expect(place('').message).to.equal('found the end, expected a value');
    expect(place('{"😀": ]').column).to.equal(7);
    expect(place('1 1').message).to.equal('found "1", expected nothing more');
    expect(place('["a\tb"]')).to.include({ line: 1, column: 4 });
    expect(place("{'a': 1}").message).to.equal('found "\'", expected a name in double quotes or "}"');
    expect(place('[01]').column).to.equal(2);
    expect(place('{"a":1]').message).to.equal('found "]", expected "," or the end of the object or array');
  });

  it('refuses what is not UTF-8', () => {
    expect(refusalOf(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).message).to.include('UTF-8');
  });

  it('finds a place in everything that is not JSON', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"a"',
      '"\\u00e9"',
      '-1.5e3',
      '0',
      '01',
      'true',
      'nul',
      ' ',
      '\n',
      '"',
      '\\',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch {
          const { line, column } = place(text);
          const lines = text.split('\n');
          expect(line).to.be.within(1, lines.length);
          expect(column).to.be.within(1, lines[line - 1]!.length + 1);
          return;
        }
        expect(read(text)).to.deep.equal(value);
      }),
      { numRuns: 500 },
    );
  });

  it('takes deep nesting for what it is', () => {
    expect(place('['.repeat(30_000))).to.deep.equal({
      line: 1,
      column: 101,
      message: 'arrays and objects are nested more than 100 deep',
    });
  });
});

describe('compileChecks', () => {
  const { settings } = compileChecks({
    settings: {
      $id: 'settings.json',
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 3, maximum: 5 },
        keepDays: { type: ['integer', 'string'] },
        title: { type: 'string', minLength: 1, maxLength: 4, description: 'lower-case letters', pattern: '^[a-z]*$' },
        author: { type: 'object', properties: { name: { type: 'string' } }, additionalProperties: false },
        url: { type: 'string', readOnly: true },
      },
      additionalProperties: false,
    },
  });
  const violations = (value: unknown): Record<string, string> => {
    const error = refusalOf(() => {
      settings(value, 'the body');
    });
    expect(error.code).to.equal('invalid-body');
    return Object.fromEntries((error.details.violations ?? []).map(({ path, message }) => [path, message]));
  };

  it('takes what fits', () => {
    expect(() => {
      settings({ size: 4, title: 'abc', url: 'x' }, 'the body');
    }).not.to.throw();
  });

  it('names every mistake with its JSON Pointer', () => {
    expect(violations({ size: 6, title: '', keepDays: null, author: { name: 1, 'a/b~c': 2 } })).to.deep.equal({
      '/size': 'is 6, expected 5 or less',
      '/title': 'is "", expected a text that is not empty',
      '/keepDays': 'is null, expected an integer or a string',
      '/author/name': 'is 1, expected a string',
      '/author/a~1b~0c': 'is unknown; there are name',
    });
    expect(violations({ title: 'ABCDE' })).to.deep.equal({
      '/size': 'is missing',
      '/title': 'is "ABCDE", expected lower-case letters',
    });
    expect(violations([])).to.deep.equal({ '': 'is an array, expected an object' });
  });

  it('tells the member that was meant', () => {
    expect(violations({ size: 3, keepdays: 1, titel: 'a', colour: 1 })).to.deep.equal({
      '/keepdays': 'is unknown; did you mean "keepDays"?',
      '/titel': 'is unknown; did you mean "title"?',
      '/colour': 'is unknown; there are size, keepDays, title, author',
    });
  });

  it('takes the names of an object’s own machinery for data', () => {
    expect(
      violations(JSON.parse('{"size": 3, "__proto__": {"title": 5}, "constructor": 1, "hasOwnProperty": 2}')),
    ).to.have.all.keys('/__proto__', '/constructor', '/hasOwnProperty');
  });

  it('says in its message what is wrong first, and how much more there is', () => {
    const error = refusalOf(() => {
      settings({ size: 9, x: 1 }, 'the body');
    });
    expect(error.message).to.match(/^the body cannot be taken: \/\w+ is .* \(and 1 more\)$/);
  });
});
