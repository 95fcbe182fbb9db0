import { ParseOption, XmlCData, XmlDocument, XmlElement, XmlText } from 'libxml2-wasm';

/** The text of a schema document, and of those it refers to by the name that its schemaLocation or href gives. */
export interface XmlSchemaSet {
  readonly schema: string;
  readonly imports: Readonly<Record<string, string>>;
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

const PARSING = (ParseOption.XML_PARSE_NOENT |
  ParseOption.XML_PARSE_NO_XXE |
  ParseOption.XML_PARSE_NONET) as ParseOption;

/** The document as plain objects: nothing of libxml2's memory is kept. */
export function readSchemaTree(text: string): SchemaNode {
  const document = XmlDocument.fromString(text, { option: PARSING });
  try {
    return readNode(document.root, new Map([['xml', 'http://www.w3.org/XML/1998/namespace']]));
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
  }
  return { uri: element.namespaceUri, name: element.name, attributes, prefixes, children, text };
}

/** The document that a schemaLocation or href names. */
export function importedTree(set: XmlSchemaSet, location: string): SchemaNode {
  const text = Object.hasOwn(set.imports, location) ? set.imports[location] : undefined;
  if (text === undefined) throw new CannotCompare(`"${location}" is not among the imports`);
  return readSchemaTree(text);
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
