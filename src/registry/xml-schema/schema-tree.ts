import { ParseOption, XmlCData, XmlDocument, XmlElement, XmlText } from 'libxml2-wasm';
import { type Imports, importNamed, locatedAt } from './imports.js';

/** The text of a schema document, and of those it refers to by the name that its schemaLocation or href gives. */
export interface XmlSchemaSet {
  readonly schema: string;
  readonly imports: Imports;
}

/** An element of a schema document. */
export interface SchemaNode {
  readonly uri: string;
  readonly name: string;
  /** Attributes in no namespace. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Namespaces in scope; the default one stands under the empty prefix. */
  readonly prefixes: ReadonlyMap<string, string>;
  readonly children: readonly SchemaNode[];
  /** The character data directly in it. */
  readonly text: string;
}

/** Something in the schemas that we cannot reason about. Its message says what. */
export class CannotCompare extends Error {}

/** A document that another one refers to. */
export interface ImportedDocument {
  readonly url: string;
  readonly node: SchemaNode;
}

const XML = 'http://www.w3.org/XML/1998/namespace';

const PARSING = (ParseOption.XML_PARSE_NOENT |
  ParseOption.XML_PARSE_NO_XXE |
  ParseOption.XML_PARSE_NONET) as ParseOption;

/** The document as plain objects: nothing of libxml2's memory is kept. */
export function readSchemaTree(text: string): SchemaNode {
  const document = XmlDocument.fromString(text, { option: PARSING });
  try {
    return readNode(document.root, new Map([['xml', XML]]));
  } finally {
    document.dispose();
  }
}

function readNode(element: XmlElement, outer: ReadonlyMap<string, string>): SchemaNode {
  const declared = Object.entries(element.nsDeclarations);
  const prefixes = declared.length === 0 ? outer : new Map([...outer, ...declared]);
  const children: SchemaNode[] = [];
  let text = '';
  for (let child = element.firstChild; child !== null; child = child.next) {
    if (child instanceof XmlElement) children.push(readNode(child, prefixes));
    else if (child instanceof XmlText || child instanceof XmlCData) text += child.content;
  }
  const attributes = new Map<string, string>();
  for (const attribute of element.attrs) {
    if (attribute.namespaceUri === '') attributes.set(attribute.name, attribute.value);
    // Its documents would have to be looked for elsewhere.
    if (attribute.namespaceUri === XML && attribute.name === 'base') throw new CannotCompare('it uses xml:base');
  }
  return { uri: element.namespaceUri, name: element.name, attributes, prefixes, children, text };
}

/** The document that a schemaLocation or href names in the document at the URL. */
export function importedDocument({ imports }: XmlSchemaSet, location: string, within: string): ImportedDocument {
  for (const url of [locatedAt(location, within), location]) {
    const text = importNamed(imports, url);
    if (text !== undefined) return { url, node: readSchemaTree(text) };
  }
  throw new CannotCompare(`"${location}" is not among the imports`);
}

/** Are the two the same, letter for letter? */
export function sameTexts(older: XmlSchemaSet, newer: XmlSchemaSet): boolean {
  const names = Object.keys(older.imports);
  return (
    older.schema === newer.schema &&
    names.length === Object.keys(newer.imports).length &&
    names.every((name) => older.imports[name] === newer.imports[name])
  );
}
