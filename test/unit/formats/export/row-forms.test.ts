import { expect } from 'chai';
import fc from 'fast-check';
import { EntryRow } from '../../../../src/formats/export/entry-row.js';
import { EXPORT_COLUMNS } from '../../../../src/formats/export/export-row.js';
import type { ExportRow } from '../../../../src/formats/export/export-row.js';
import { encoded, learnForm } from '../../../../src/formats/export/forms/row-form.js';
import type { EncodedEntry } from '../../../../src/formats/export/forms/row-form.js';
import { OctetWriter } from '../../../../src/formats/octet-writer.js';
import { jsonMembers } from '../../../../src/formats/export/row-json.js';
import { startRowMaker } from '../../../../src/formats/export/row-maker.js';
import { readTree } from '../../../../src/formats/xml/xml-tree.js';
import { fixtures } from '../fixtures.js';

const FEED = { workspace: 'shop', name: 'orders' };

function entryOf(xml: string): EncodedEntry {
  const about = { feed: 1, position: 7n, kind: 'entry', atomId: 'urn:x:1', schemaVersion: 2 } as const;
  return encoded({ ...about, recordedAt: '2026-11-22T10:00:00.123456Z', xml: xml.replace(/^<\?xml[^>]*>\s*/, '') });
}

const MEMBERS = jsonMembers(EXPORT_COLUMNS);

function columnsOf(row: ExportRow): object {
  const texts = (['atom_id', 'content_xml', 'content_json'] as const).map((column) => {
    const text = row.textOf(column);
    return text instanceof Uint8Array ? Buffer.from(text).toString() : text;
  });
  const written = new OctetWriter(0);
  row.writeMembers(MEMBERS, written);
  const json = Buffer.from(written.taken()).toString();
  const views = EXPORT_COLUMNS.map((column) => [column, [row[column], row.jsonOf(column)]]);
  return { texts, json, ...Object.fromEntries(views) };
}

function isWellFormed(xml: string): boolean {
  try {
    return readTree(xml).local === 'entry';
  } catch {
    return false;
  }
}

const samples = fixtures().map(({ text }) => text);

/** What means something by its value, and what is not told by values alone. */
const RARE = [
  '<content type="application/xml"><entry><content type="text">x</content><category term="type:y"/></entry></content>',
  '<content type="application/xml"><e xmlns="urn:e">a <b c="d">e</b> f</e></content>',
  '<content type="application/xml"><e xmlns="urn:e" xml:lang="en"><b>x</b><c/><b type="xhtml">y</b></e></content>',
  '<content type="application/xml"><h:div xmlns:h="http://www.w3.org/1999/xhtml"> <h:b>x</h:b> <h:i>y</h:i></h:div></content>',
  '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><b>x</b></div></content>',
  '<content type="html">&lt;b&gt;x</content>',
  '<content>x</content><updated>2026-01-02T03:04:05.678Z</updated>',
  '<content type="text/csv">a,b</content>',
  '<content type="image/png">eHh4</content>',
  '<content type="application/json" xml:base="http://x.example/">{"a": [1]}</content>',
  '<content type="image/png" src="x"/>',
  '<source><updated>2026-01-02T03:04:05.678Z</updated><category term="type:z"/></source>',
].map(
  (within) => `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:x:1</id><category term="type:t"/>${within}</entry>`,
);

const texts = [...samples, ...RARE];

/** What stands in attributes and between tags, and is unlike what usually stands there. */
const VALUES = [
  '', ' ', '\n', ' x', 'x ', 'x\ny', 'x\r\ny', '\t', '&amp;', '&#32;', '&#10;x', 'a&amp;b', '&lt;b&gt;', '&quot;', "'", '\\', '\\n', 'é', '東', '😀',
  '\u2028', '\x7f', '$1', '$&', '\ue000\ue100&amp;\\\ue001', '\ue123', 'application/xml', 'application/json', 'text', 'xhtml', 'html', 'type:x', 'TYPE:y', 'tid:',
  ':', 'x:y:z', '{"a":1}', '[1, 2]', '"x"', 'e30=', 'eyJhIjoxfQ==', 'null', '2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05Z', '2026-01-02T03:04:60.000Z',
  '0000-01-02T03:04:05.678Z', 'x026-01-02T03:04:05.678Z', '<![CDATA[x]]>', '<!-- c -->', 'a<!-- c -->b', '<x/>', 'x'.repeat(300),
]; // prettier-ignore

/** Gives some of its values others. */
const otherValues = fc
  .array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(...VALUES), fc.string())), { minLength: 1, maxLength: 2 })
  .map((changes) => (xml: string): string => {
    let changed = xml;
    for (const [which, value] of changes) {
      const places = [...changed.matchAll(/="([^"]*)"|>([^<]*)</g)];
      const place = places[which % places.length];
      if (place === undefined) continue;
      const start = place.index + (place[1] === undefined ? 1 : 2);
      changed = changed.slice(0, start) + value + changed.slice(start + (place[1] ?? place[2] ?? '').length);
    }
    return changed;
  });

describe('the form of an entry', () => {
  it('is found of every sample, and makes the same row of it', () => {
    for (const text of samples) {
      const entry = entryOf(text);
      const row = learnForm(entry)?.rowOf(entry, FEED, true);
      expect(row, text).to.not.equal(undefined);
      if (row !== undefined) expect(columnsOf(row)).to.deep.equal(columnsOf(new EntryRow(entry, FEED, true)));
    }
  });

  it('makes the row of another entry that reading it makes, or says nothing of it', () => {
    let said = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.option(otherValues),
        otherValues,
        otherValues,
        (text, first, ...next) => {
          const known = entryOf(first === null ? text : first(text));
          if (!isWellFormed(known.xml)) return;
          const form = learnForm(known);
          // In turns: some of what was found of one is remembered.
          const others = next.map((change) => entryOf(change(known.xml)));
          for (const other of [...others, known, ...others]) {
            if (!isWellFormed(other.xml)) continue;
            const row = form?.rowOf(other, FEED, true);
            if (row === undefined) continue;
            said += 1;
            expect(columnsOf(row), other.xml).to.deep.equal(columnsOf(new EntryRow(other, FEED, true)));
          }
        },
      ),
      { numRuns: 4_000 },
    );
    expect(said).to.be.above(4_000);
  });

  it('is not found of an entry whose references stand for what marks its values', () => {
    const marked = '&#xE000;&#xE100;&amp;\\&#xE001;';
    const entry = entryOf(
      `<entry xmlns="http://www.w3.org/2005/Atom"><title>${marked}</title><category term="${marked}"/></entry>`,
    );
    expect(learnForm(entry)).to.equal(undefined);
  });

  it('says nothing of an entry with other markup', () => {
    const form = learnForm(entryOf(samples[0] ?? ''));
    for (const text of texts.slice(1)) expect(form?.rowOf(entryOf(text), FEED, true)).to.equal(undefined);
  });

  it('is done with an entry that nearly fits in a time that grows as the entry does', () => {
    const many = (count: number, value: string, end: string): EncodedEntry =>
      entryOf(
        `<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><e xmlns="urn:e">${`<v a="${value}">${value}</v>`.repeat(count)}</e>${end}</content></entry>`,
      );
    const form = learnForm(many(200, 'x', ''));
    expect(form).to.not.equal(undefined);
    const value = '&amp;&quot;'.repeat(200);
    const startedAt = performance.now();
    expect(form?.rowOf(many(200, value, '<f/>'), FEED, true)).to.equal(undefined);
    expect(performance.now() - startedAt).to.be.below(1_000);
  });
});

describe('rows of a feed', () => {
  it('are the same whatever was learned before', async () => {
    const rowOf = startRowMaker();
    for (let n = 0; n < 400; n++) {
      // Four kinds, then some more than are remembered.
      const kinds = n < 200 ? 4 : texts.length;
      const entry = entryOf((texts[(n * 7) % kinds] ?? '').replaceAll('2024', String(2000 + (n % 99))));
      const row = await rowOf(entry, FEED, true);
      expect(columnsOf(row)).to.deep.equal(columnsOf(new EntryRow(entry, FEED, true)));
    }
  });
});
