import { expect } from 'chai';
import fc from 'fast-check';
import type { Problem } from '../../../src/formats/problem.js';
import { writeProblem } from '../../../src/formats/problem-write.js';
import { childOf, childrenOf, parseXml } from '../../support/atom.js';

const NAMESPACE = 'urn:ietf:rfc:7807';
const HOME = 'https://feeds.example.org/feeds';

function aProblem(parts: Partial<Problem> = {}): Problem {
  return {
    type: 'urn:millrace:problem:invalid-entry',
    title: 'The entry is not valid',
    status: 422,
    detail: 'two mistakes',
    instance: 'urn:millrace:request:1',
    errors: [
      { path: 'entry/id', message: 'is <no> IRI', line: 2, column: 5 },
      { path: 'entry/category[1]/@term', message: 'is missing' },
    ],
    ...parts,
  };
}

describe('a problem', () => {
  it('is its members in JSON', () => {
    expect(JSON.parse(writeProblem('json', aProblem(), HOME))).to.deep.equal(aProblem());
  });

  it('is an element for each member in XML, and an i for each item (RFC 9457 appendix B)', () => {
    const problem = parseXml(writeProblem('xml', aProblem({ available: ['a', 'b'], lastCommon: 0, ids: [] }), HOME));
    expect([problem.local, problem.uri]).to.deep.equal(['problem', NAMESPACE]);
    const text = (name: string): string => childOf(problem, name, NAMESPACE).text;
    expect(['type', 'title', 'status', 'detail', 'instance', 'lastCommon', 'ids'].map(text)).to.deep.equal([
      ...['urn:millrace:problem:invalid-entry', 'The entry is not valid', '422', 'two mistakes'],
      ...['urn:millrace:request:1', '0', ''],
    ]);
    const items = childrenOf(childOf(problem, 'errors', NAMESPACE), 'i', NAMESPACE);
    expect(items.map(({ children }) => children.map(({ local, text: value }) => [local, value]))).to.deep.equal([
      [
        ['path', 'entry/id'],
        ['message', 'is <no> IRI'],
        ['line', '2'],
        ['column', '5'],
      ],
      [
        ['path', 'entry/category[1]/@term'],
        ['message', 'is missing'],
      ],
    ]);
    expect(childOf(problem, 'available', NAMESPACE).children.map(({ text: value }) => value)).to.deep.equal(['a', 'b']);
  });

  it('is the error that clients of Cloud Feeds know, with strings for code and message, and the problem beside them', () => {
    const { error } = JSON.parse(writeProblem('cloudfeeds', aProblem({ lastCommon: 7 }), HOME)) as { error: unknown };
    const { status: _, ...members } = aProblem();
    expect(error).to.deep.equal({
      '@type': 'http://abdera.apache.org',
      code: '422',
      message: 'two mistakes',
      ...members,
      lastCommon: 7,
    });
  });

  it('is a page for a person, with each mistake and its place, and a way back', () => {
    const page = parseXml(
      writeProblem('html', aProblem({ available: ['a/b', 'c/d'] }), HOME).replace(/^<!doctype html>\s*/, ''),
    );
    const seen = page.text.replaceAll(/\s+/g, ' ');
    for (const part of [
      'The entry is not valid',
      'two mistakes',
      'entry/id: is <no> IRI (line 2, column 5)',
      'entry/category[1]/@term: is missing',
      '422',
      'urn:millrace:problem:invalid-entry',
      'urn:millrace:request:1',
      'a/b, c/d',
    ])
      expect(seen).to.include(part);
    expect(writeProblem('html', aProblem(), HOME)).to.include(`<a href="${HOME}">`);
  });

  it('tells a person what a token is for', () => {
    const asked = writeProblem('html', aProblem({ status: 401, errors: [] }), HOME);
    expect(asked).to.include('Authorization: Bearer');
    expect(writeProblem('html', aProblem(), HOME)).not.to.include('Bearer');
  });

  it('may quote anything, in every form', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        ']]>',
        '<![CDATA[',
        '\0\u001b\ufffe\uffff',
        '\ud800',
        '\udc00x',
        '&amp;',
        '<script>',
        '\r\n',
        '__proto__',
      ),
    );
    fc.assert(
      fc.property(text, text, (one, other) => {
        const problem = aProblem({ detail: one, errors: [{ path: other, message: one }], given: [one, other] });
        const readable = one.toWellFormed().replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '?');
        const xml = parseXml(writeProblem('xml', problem, HOME));
        expect(childOf(xml, 'detail', NAMESPACE).text).to.equal(readable);
        expect(JSON.parse(writeProblem('json', problem, HOME))).to.deep.equal(problem);
        const html = writeProblem('html', problem, HOME);
        parseXml(
          html
            .replace(/^<!doctype html>\s*/, '')
            .toWellFormed()
            .replaceAll(/[\ufffe\uffff]/g, '?'),
        );
      }),
      { numRuns: 300 },
    );
  });
});
