import { isChar } from '../xml/xml-chars.js';

/** Elements that stand in a line of text; all others end one. */
const INLINE = new Set(
  'a abbr b bdi bdo cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt u var wbr'.split(
    ' ',
  ),
);
/** What stands in these is not shown. */
const HIDDEN = /^<(script|style|template)[\s/>]/i;

/**
 * What a reader of the HTML sees, in one line. For titles and summaries, where markup may not stand. Reads in one pass,
 * whatever the markup is worth; the text must not be taken for HTML again.
 */
export function htmlToText(html: string): string {
  let text = '';
  let at = 0;
  while (at < html.length) {
    const tag = html.indexOf('<', at);
    if (tag === -1) break;
    text += html.slice(at, tag);
    const end = endOfMarkup(html, tag);
    if (end === undefined) {
      text += '<';
      at = tag + 1;
      continue;
    }
    if (!isInline(html, tag)) text += ' ';
    at = end;
  }
  return decodeReferences(text + html.slice(at))
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** The offset behind the tag or comment that begins here; undefined when it is a plain `<`. What is not closed goes on to the end. */
function endOfMarkup(html: string, start: number): number | undefined {
  const behind = (needle: string, from: number): number => {
    const found = html.indexOf(needle, from);
    return found === -1 ? html.length : found + needle.length;
  };
  if (html.startsWith('<!--', start)) return behind('-->', start + 4);
  if (!/^<[a-z/!?]/i.test(html.slice(start, start + 2))) return undefined;
  const end = behind('>', start);
  const hidden = HIDDEN.exec(html.slice(start, start + 12))?.[1];
  if (hidden === undefined) return end;
  const close = new RegExp(`</${hidden}`, 'gi');
  close.lastIndex = end;
  const closed = close.exec(html);
  return closed === null ? html.length : behind('>', closed.index);
}

function isInline(html: string, start: number): boolean {
  const name = /^<\/?([a-z][a-z0-9]*)/i.exec(html.slice(start, start + 12))?.[1];
  return name !== undefined && INLINE.has(name.toLowerCase());
}

/** HTML 4.01 §24.2, U+00A0 to U+00FF in their order. */
const LATIN_1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml';
const NAMED: ReadonlyMap<string, string> = new Map([
  ...LATIN_1.split(' ').map((name, index) => [name, String.fromCharCode(0xa0 + index)] as const),
  ...([
    ['amp', '&'],
    ['lt', '<'],
    ['gt', '>'],
    ['quot', '"'],
    ['apos', "'"],
    ['ndash', '–'],
    ['mdash', '—'],
    ['lsquo', '‘'],
    ['rsquo', '’'],
    ['sbquo', '‚'],
    ['ldquo', '“'],
    ['rdquo', '”'],
    ['bdquo', '„'],
    ['bull', '•'],
    ['hellip', '…'],
    ['euro', '€'],
    ['trade', '™'],
    ['larr', '←'],
    ['rarr', '→'],
    ['minus', '−'],
  ] as const),
]);

/** A name that is not known stays as it is written. */
function decodeReferences(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-f]{1,8})|#(\d{1,8})|([a-z][a-z0-9]{1,7}));/gi,
    (whole, hexadecimal?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return NAMED.get(name) ?? whole;
      const code = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16);
      // XML could not carry it, and a lone surrogate is no text at all.
      return isChar(code) ? String.fromCodePoint(code) : '\ufffd';
    },
  );
}
