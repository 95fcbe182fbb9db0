import { SaxesParser } from 'saxes';
import { XmlScanner } from '../../../../src/formats/xml/xml.js';

/** A document as a list of lines to compare: start tags with sorted attributes, merged text, end tags. */
export type Infoset = string[];

interface SeenAttribute {
  readonly name: string;
  readonly prefix: string;
  readonly local: string;
  readonly uri: string;
  readonly value: string;
}

function startLine(
  tag: { readonly name: string; readonly prefix: string; readonly local: string; readonly uri: string },
  attributes: readonly SeenAttribute[],
): string {
  const sorted = attributes
    .map(({ name, prefix, local, uri, value }) => JSON.stringify([name, prefix, local, uri, value]))
    .toSorted();
  return `<${[JSON.stringify([tag.name, tag.prefix, tag.local, tag.uri]), ...sorted].join(' ')}>`;
}

function collector(): { infoset: Infoset; text: (piece: string) => void; line: (line: string) => void } {
  const infoset: Infoset = [];
  let text = '';
  return {
    infoset,
    text: (piece) => void (text += piece),
    line: (line) => {
      if (text !== '') infoset.push(JSON.stringify(text));
      text = '';
      infoset.push(line);
    },
  };
}

/** By our scanner, paused every `slice` characters. Throws what it throws. */
export function scanned(source: string, slice = Infinity): Infoset {
  const { infoset, text, line } = collector();
  const scanner = new XmlScanner(source, {
    start: (tag) => line(startLine(tag, tag.attributes)),
    text,
    end: () => line('</>'),
  });
  scanner.textWanted = true;
  for (let until = slice; !scanner.run(until); until += slice);
  return infoset;
}

/** By saxes, without what stands outside the root element. Throws what it throws. */
export function parsed(source: string): Infoset {
  const { infoset, text, line } = collector();
  let depth = 0;
  const parser = new SaxesParser({ xmlns: true });
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('doctype', () => {
    throw new Error('DOCTYPE');
  });
  parser.on('opentag', (tag) => {
    depth++;
    line(startLine(tag, Object.values(tag.attributes)));
  });
  parser.on('closetag', () => {
    depth--;
    line('</>');
  });
  parser.on('text', (piece) => {
    if (depth > 0) text(piece);
  });
  parser.on('cdata', text);
  parser.write(source).close();
  return infoset;
}
