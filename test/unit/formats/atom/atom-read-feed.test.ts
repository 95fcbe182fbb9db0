import { expect } from 'chai';
import type { EntryDraft } from '../../../../src/core/entry.js';
import { digest } from '../../../../src/core/entry.js';
import { FeedsError } from '../../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../../src/core/feed.js';
import { readEntry, readFeedDocument } from '../../../../src/formats/atom/atom-read.js';

const OPTIONS = { limits: DEFAULT_LIMITS };
const ATOM = 'http://www.w3.org/2005/Atom';

function read(source: string): Promise<EntryDraft[]> {
  return readFeedDocument(Buffer.from(source), 'utf-8', OPTIONS);
}

async function refusal(source: string): Promise<FeedsError> {
  const error = await read(source).then(
    () => expect.fail(`accepted: ${source.slice(0, 300)}`),
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(FeedsError);
  return error as FeedsError;
}

/** Reads it as a document of its own. */
function alone(draft: EntryDraft): EntryDraft {
  return readEntry(Buffer.from(draft.open + draft.inner + draft.close), undefined, OPTIONS) as EntryDraft;
}

describe('reading a feed document', () => {
  it('gives its entries in their order, and leaves alone what the feed says of itself', async () => {
    const drafts = await read(
      `<feed xmlns="${ATOM}"><id>not an iri</id><title/><updated>never</updated><link/><category/>
        <entry><id>urn:1</id><content/></entry><generator><entry/></generator><entry><id>urn:2</id><content/></entry>
        <x:entry xmlns:x="urn:x"><entry/></x:entry></feed>`,
    );
    expect(drafts.map(({ atomId }) => atomId)).to.deep.equal(['urn:1', 'urn:2']);
    expect(drafts[0]).to.include({
      open: `<entry xmlns="${ATOM}">`,
      inner: '<id>urn:1</id><content/>',
      close: '</entry>',
      prefix: '',
    });
  });

  it('makes each entry self-contained', async () => {
    const [draft] = await read(
      `<a:feed xmlns:a="${ATOM}" xmlns:x='urn:"x"' xmlns:y="urn:y" xml:lang="de" xml:base="http://e.example/a/"><a:entry xmlns:y="urn:other" z="1"><x:b y:c=""/><a:content/></a:entry></a:feed>`,
    );
    expect(draft!.open).to.equal(
      `<a:entry xmlns:y="urn:other" z="1" xml:base="http://e.example/a/" xml:lang="de" xmlns:a="${ATOM}" xmlns:x="urn:&quot;x&quot;">`,
    );
    expect(alone(draft!)).to.deep.equal(draft);
  });

  it('lets an entry have its own language and base', async () => {
    const base = async (feed: string, entry: string): Promise<string> => {
      const [draft] = await read(`<feed xmlns="${ATOM}"${feed}><entry${entry}><content/></entry></feed>`);
      return draft!.open;
    };
    const own = ' xml:lang="" xml:base="http://o.example/"';
    expect(await base(' xml:lang="de" xml:base="http://e.example/"', own)).to.equal(`<entry${own} xmlns="${ATOM}">`);
    expect(await base(' xml:base="http://e.example/a/"', ' b="" xml:base="../c&amp;d" e=""')).to.equal(
      `<entry b="" xml:base="http://e.example/c&amp;d" e="" xmlns="${ATOM}">`,
    );
    expect(await base(' xml:base="a/"', ' xml:base="b/"')).to.equal(`<entry xml:base="b/" xmlns="${ATOM}">`);
  });

  it('says that there is no default namespace where the feed has none either', async () => {
    const drafts = await read(
      `<a:feed xmlns:a="${ATOM}"><a:entry><b/><a:content/></a:entry><a:entry><a:content/></a:entry></a:feed>`,
    );
    expect(drafts.map(({ open }) => open)).to.deep.equal([
      `<a:entry xmlns:a="${ATOM}" xmlns="">`,
      `<a:entry xmlns:a="${ATOM}">`,
    ]);
    const [draft] = await read(`<a:feed xmlns:a="${ATOM}" xmlns="urn:d"><a:entry><b/><a:content/></a:entry></a:feed>`);
    expect(draft!.open).to.equal(`<a:entry xmlns:a="${ATOM}" xmlns="urn:d">`);
  });

  it("gives the feed's authors to an entry that has none, wherever they stand (RFC 4287 §4.2.1)", async () => {
    const [bare, own, sourced] = await read(
      `<feed xmlns="${ATOM}" xmlns:x="urn:x"><author><name>one</name></author>` +
        '<entry xmlns="urn:none" xmlns:a="http://www.w3.org/2005/Atom"><x:y/></entry>'
          .replace('<entry', '<a:entry')
          .replace('</entry', '<a:content/></a:entry')
          .replace(
            '<a:entry xmlns="urn:none" xmlns:a="http://www.w3.org/2005/Atom"',
            '<a:entry xmlns="urn:none" xmlns:a="http://www.w3.org/2005/Atom"',
          ) +
        '<entry><author><name>mine</name></author><content/></entry>' +
        '<entry><source><author><name>its</name></author></source><content/></entry>' +
        `<author xml:lang="fr"><name>two</name></author></feed>`,
    );
    expect(bare!.has.author).to.equal(true);
    expect(bare!.inner).to.equal(
      `<x:y/><a:content/><author xmlns="${ATOM}" xmlns:x="urn:x"><name>one</name></author>` +
        `<author xml:lang="fr" xmlns="${ATOM}" xmlns:x="urn:x"><name>two</name></author>`,
    );
    expect(alone(bare!).has.author).to.equal(true);
    expect(bare!.digest.equals(digest(bare!.open + bare!.inner + bare!.close))).to.equal(true);
    expect(own!.inner).to.equal('<author><name>mine</name></author><content/>');
    expect(sourced!.inner).to.equal('<source><author><name>its</name></author></source><content/>');
    expect(sourced!.has.author).to.equal(true);
  });

  it('refuses all of it when one entry is not valid, and names every one that is not', async () => {
    const { code, details } = await refusal(
      `<feed xmlns="${ATOM}">\n<entry><id/><content/></entry>\n<entry><content/></entry>\n<entry>\n<category/></entry></feed>`,
    );
    expect(code).to.equal('invalid-entry');
    expect(details.violations!.map(({ path, line }) => [path, line])).to.deep.equal([
      ['feed/entry[1]/id', 2],
      ['feed/entry[3]', 4],
      ['feed/entry[3]/category[1]/@term', 5],
    ]);
  });

  it('refuses a feed without an entry, and a root that is no feed', async () => {
    expect((await refusal(`<feed xmlns="${ATOM}"><title/></feed>`)).message).to.equal(
      'feed: the feed holds no atom:entry to publish',
    );
    expect((await refusal(`<entry xmlns="${ATOM}"/>`)).message).to.match(
      /application\/atom\+xml;type=entry \(RFC 5023 §9\.2\)/,
    );
    expect((await refusal('<rss/>')).message).to.match(/"rss" without a namespace, but atom:feed was expected/);
  });

  it('tells where in which entry it is not well-formed', async () => {
    const { code, details } = await refusal(
      `<feed xmlns="${ATOM}"><entry><content/></entry>\n<entry><title>&x;</title></entry></feed>`,
    );
    expect(code).to.equal('not-well-formed');
    expect(details.violations).to.have.length(1);
    expect(details.violations![0]).to.include({ path: 'feed/entry/title', line: 2, column: 15 });
  });
});
