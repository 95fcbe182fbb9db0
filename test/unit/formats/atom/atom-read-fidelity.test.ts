import { expect } from 'chai';
import fc from 'fast-check';
import type { EntryDraft } from '../../../../src/core/entry.js';
import { DEFAULT_LIMITS } from '../../../../src/core/feed.js';
import { readEntry, readFeedDocument } from '../../../../src/formats/atom/atom-read.js';
import { XMLNS_NAMESPACE } from '../../../../src/formats/xml/xml.js';
import { fixtures } from '../fixtures.js';
import { parsed } from '../xml/infoset.js';
import type { Infoset } from '../xml/infoset.js';

const ATOM = 'http://www.w3.org/2005/Atom';
const OPTIONS = { limits: DEFAULT_LIMITS };

/** Without the declarations: what they declare shows in the names, which are resolved. */
function withoutDeclarations(infoset: Infoset): Infoset {
  return infoset.map((line) =>
    line
      .split(/(?<=\]) (?=\[)/)
      .filter((part) => !part.includes(JSON.stringify(XMLNS_NAMESPACE)))
      .join(' ')
      .replace(/>$/, ''),
  );
}

/** The entries as a page holds them, side by side in a feed with a default namespace. */
function onAPage(drafts: readonly EntryDraft[]): Infoset {
  const entries = drafts.map(({ open, inner, close }) => open + inner + close).join('');
  return withoutDeclarations(parsed(`<feed xmlns="${ATOM}">${entries}</feed>`).slice(1, -1));
}

const text = fc.array(
  fc.oneof(
    fc.constantFrom('a', ' ', '\n', '\r\n', '&amp;', '&#13;', '&#x1F600;', '😀', '東', '<![CDATA[<&]]>', '<!-- c -->', '<?p i?>', ']]&gt;', '"'),
    fc.stringMatching(/^[a-z ]{0,8}$/),
  ),
  { maxLength: 4 },
).map((pieces) => pieces.join('')); // prettier-ignore

const PREFIXES = ['', 'p:', 'q:', 'a:'];
const DECLARATIONS = [
  '',
  '',
  ' xmlns="urn:d"',
  ' xmlns=""',
  ' xmlns:p="urn:p2"',
  ' xmlns:q="urn:p"',
  " xmlns='http://www.w3.org/2005/Atom'",
];
const ATTRIBUTES = ['', '', ' x="1"', ' p:x="&quot;\n\t&#10;"', " q:x='\"'", ' xml:space="preserve"', ' xml:lang="fr"'];

/** An element of a foreign namespace, or of none. */
const { element } = fc.letrec<{ element: string; children: string }>((tie) => ({
  element: fc
    .tuple(
      fc.constantFrom(...PREFIXES.slice(0, 3)),
      fc.constantFrom('b', 'c', 'é'),
      fc.constantFrom(...DECLARATIONS.slice(0, 6)),
      fc.constantFrom(...ATTRIBUTES),
      tie('children'),
    )
    .map(([prefix, name, declaration, attribute, children]) => {
      const tag = `${prefix}${name}`;
      return children === '' ? `<${tag}${declaration}${attribute} />` : `<${tag}${declaration}${attribute}>${children}</${tag}>`;
    }),
  children: fc.oneof({ maxDepth: 3, withCrossShrink: true }, text, fc.array(fc.oneof(text, tie('element')), { maxLength: 3 }).map((all) => all.join(''))),
})); // prettier-ignore

interface GeneratedEntry {
  readonly inner: string;
  readonly declaration: string;
}

/** Prefix `a:` is Atom; so is the default namespace, or it is none. Elements of Atom are written with the prefix. */
const entry: fc.Arbitrary<GeneratedEntry> = fc
  .tuple(
    fc.constantFrom(
      '',
      ' xmlns="urn:d"',
      ` xmlns="${ATOM}"`,
      ' xml:lang="de"',
      ' xml:base="http://e.example/"',
      ' p:y="1"',
    ),
    fc.array(
      fc.oneof(
        text,
        element,
        fc.constantFrom('<a:contributor><a:name> n </a:name></a:contributor>', '<a:category term="x"/>'),
      ),
      {
        maxLength: 4,
      },
    ),
    element,
  )
  .map(([declaration, parts, content]) => ({
    declaration,
    inner: `${parts.join('')}<a:content type="application/xml">${content}</a:content>`,
  }));

const SCOPE = ` xmlns:a="${ATOM}" xmlns:p="urn:p" xmlns:q="urn:q"`;

describe('what is read of an entry', () => {
  it('has the same infoset on a page as in every sample', () => {
    for (const { name, body, text: source } of fixtures()) {
      const draft = readEntry(body, undefined, OPTIONS) as EntryDraft;
      expect(onAPage([draft]), name).to.deep.equal(withoutDeclarations(parsed(source)));
    }
  });

  it('has the same infoset on a page as in the document that was sent', () => {
    fc.assert(
      fc.property(entry, ({ inner, declaration }) => {
        const source = `<a:entry${SCOPE}${declaration}>${inner}</a:entry>`;
        const sent = withoutDeclarations(parsed(source));
        const draft = readEntry(Buffer.from(source), undefined, OPTIONS) as EntryDraft;
        expect(onAPage([draft])).to.deep.equal(sent);
        const again = readEntry(Buffer.from(draft.open + draft.inner + draft.close), undefined, OPTIONS) as EntryDraft;
        expect(again).to.deep.equal({ ...draft, digest: again.digest });
      }),
      { numRuns: 600 },
    );
  });

  it('has the same infoset on a page as in the feed document that was sent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', ' xmlns="urn:f"', ` xmlns="${ATOM}"`),
        async (entries, declaration) => {
          const source = `<a:feed${SCOPE}${declaration}>${entries.map((one) => `<a:entry${one.declaration}>${one.inner}</a:entry>`).join('')}</a:feed>`;
          const sent = withoutDeclarations(parsed(source).slice(1, -1));
          expect(onAPage(await readFeedDocument(Buffer.from(source), undefined, OPTIONS))).to.deep.equal(sent);
        },
      ),
      { numRuns: 300 },
    );
  });
});
