import fc from 'fast-check';
import { fixtures } from '../fixtures.js';

/** Pieces that a mutation puts anywhere: markup that is right, nearly right, or wrong. */
const PIECES = [
  '<a>', '</a>', '<a/>', '<', '>', '/>', '</', '&', '&amp;', '&lt;', '&nbsp;', '&#9;', '&#10;', '&#xD;', '&#0;', '&#x110000;',
  '&#xD800;', '&#;', '&#x;', '&#xFFFE;', '&amp', '<!--', '-->', '<!-- c -->', '<!-- -- -->', '--', '<![CDATA[', ']]>', ']]', ']',
  '<![CDATA[x<&]]>', '<?pi?>', '<?pi data?>', '<?xml version="1.0"?>', '<?XML?>', '<?', '?>', '<?p?x', '<!DOCTYPE a>', '<!', '"', "'",
  ' ', '\t', '\n', '\r', '\r\n', '\0', '\x01', '\x1f', '\x7f', '\x85', '\ufffe', '\uffff', '\ud800', '\udc00', '\ud83d\ude00',
  'é', '東', '\u2028', '·', '\u0300', '=', 'a=""', ' a="1"', ' a="1" a="2"', ' b=\'"\'', ' c="&#10; \n\t"', ' xmlns="urn:x"', ' xmlns=""',
  ' xmlns:p="urn:p"', ' xmlns:p=""', ' xmlns:q="urn:p" p:a="" q:a=""', ' xmlns:xml="urn:x"', ' xmlns:xmlns="urn:x"', ' xml:lang="en"',
  ' xmlns:xml="http://www.w3.org/XML/1998/namespace"', ' xmlns:z="http://www.w3.org/2000/xmlns/"', 'p:', ':', ':a', 'a:b:c', '<p:e/>',
  '<xml:e/>', '<xmlns:e/>', '<p:e xmlns:p="urn:p" p:a="1"/>', '-', '.', '1', 'x', 'xml', 'xmlns',
]; // prettier-ignore

const TINY = [
  '<a/>', '<a></a>', '<a b="c">d</a>', '<?xml version="1.0"?><a/>', "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<a/>\n",
  '<!-- c --><?pi d?><a>x<![CDATA[y]]>z</a><!-- c -->', '<p:a xmlns:p="urn:p"><p:b p:c="d" c="e"/></p:a>',
  '<a xmlns="urn:a"><b xmlns=""><c xmlns="urn:c"/></b><d/></a>', '<a>&lt;&#65;&#x42;&amp;</a>', '<a b="&quot;&apos;\n&#10;"/>',
  '<a>\r\nb\rc\n</a>', '', ' ', 'text', '<é:東 xmlns:é="urn:é">·</é:東>',
]; // prettier-ignore

type Mutation = (source: string) => string;

const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (source: string, part: number): number => Math.min(source.length, Math.floor(part * (source.length + 1)));

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.constantFrom(...PIECES)).map(([part, piece]): Mutation => (source) => {
    const offset = at(source, part);
    return source.slice(0, offset) + piece + source.slice(offset);
  }),
  fc.tuple(place, fc.integer({ min: 1, max: 12 })).map(([part, length]): Mutation => (source) => {
    const offset = at(source, part);
    return source.slice(0, offset) + source.slice(offset + length);
  }),
  fc.tuple(place, fc.constantFrom(...PIECES)).map(([part, piece]): Mutation => (source) => {
    const offset = at(source, part);
    return source.slice(0, offset) + piece + source.slice(offset + piece.length);
  }),
  fc.tuple(place, place, place).map(([from, to, target]): Mutation => (source) => {
    const [start, end] = [at(source, Math.min(from, to)), at(source, Math.max(from, to))];
    const offset = at(source, target);
    return source.slice(0, offset) + source.slice(start, Math.min(end, start + 60)) + source.slice(offset);
  }),
  place.map(
    (part): Mutation =>
      (source) =>
        source.slice(0, at(source, part)),
  ),
);

/** Samples and tiny documents, most of them with a mistake or two, or with something rare. */
export const mutatedDocument = fc
  .tuple(
    fc.oneof(fc.constantFrom(...fixtures().map(({ text }) => text)), fc.constantFrom(...TINY)),
    fc.array(mutation, { minLength: 1, maxLength: 3 }),
  )
  .map(([source, mutations]) => mutations.reduce((text, mutate) => mutate(text), source));
