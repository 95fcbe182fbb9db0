import { SCHEMA_URL } from './imports.js';
import { type QualifiedName, nameKey } from './name-class.js';
import { CannotCompare, type SchemaNode, type XmlSchemaSet, importedDocument, readSchemaTree } from './schema-tree.js';

export const XSD = 'http://www.w3.org/2001/XMLSchema';

/** A schema document: what its components are read by. */
export interface Scope {
  readonly targetNamespace: string;
  /** Its own namespace is that of the document that includes it (Part 1 §4.2.1), also in references without a prefix. */
  readonly chameleon: boolean;
  readonly qualifiedElements: boolean;
  readonly qualifiedAttributes: boolean;
  readonly block: string;
}

/** A component: where it is written, and the document that it is written in. */
export interface Definition {
  readonly node: SchemaNode;
  readonly scope: Scope;
}

/** The global components, by their expanded names. */
export interface XsdComponents {
  readonly element: Map<string, Definition>;
  readonly attribute: Map<string, Definition>;
  readonly type: Map<string, Definition>;
  readonly group: Map<string, Definition>;
  readonly attributeGroup: Map<string, Definition>;
}

type Kind = keyof XsdComponents;

const KINDS: Readonly<Record<string, Kind>> = {
  element: 'element',
  attribute: 'attribute',
  simpleType: 'type',
  complexType: 'type',
  group: 'group',
  attributeGroup: 'attributeGroup',
};

/** Reads the document and all that it includes and imports. */
export function readXsd(set: XmlSchemaSet): XsdComponents {
  const components: XsdComponents = {
    element: new Map(),
    attribute: new Map(),
    type: new Map(),
    group: new Map(),
    attributeGroup: new Map(),
  };
  const documents: Documents = { set, seen: new Set(), imported: new Map() };
  const waiting: Document[] = [{ url: SCHEMA_URL, node: readSchemaTree(set.schema), namespace: undefined }];
  const main = waiting[0]?.node.attributes.get('targetNamespace');
  if (main !== undefined) documents.imported.set(main, SCHEMA_URL);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const scope = scopeOf(next.node, next.namespace);
    for (const node of schemaChildren(next.node)) {
      if (node.name === 'redefine') throw new CannotCompare('it uses xs:redefine');
      const kind = KINDS[node.name];
      if (kind !== undefined) {
        const key = nameKey({ uri: scope.targetNamespace, local: node.attributes.get('name') ?? '' });
        if (!components[kind].has(key)) components[kind].set(key, { node, scope });
      } else if (node.name === 'include' || node.name === 'import') {
        const document = documentAt(documents, { node, scope }, next.url);
        if (document !== undefined) waiting.push(document);
      }
    }
  }
  return components;
}

/** A document and the namespace of the one that includes it. */
interface Document {
  readonly url: string;
  readonly node: SchemaNode;
  readonly namespace: string | undefined;
}

interface Documents {
  readonly set: XmlSchemaSet;
  readonly seen: Set<string>;
  /** The document that was read for each namespace. */
  readonly imported: Map<string, string>;
}

/** What an xs:include or xs:import in the document at the URL refers to; undefined when that has been read. */
function documentAt(
  { set, seen, imported }: Documents,
  { node, scope }: Definition,
  url: string,
): Document | undefined {
  const location = node.attributes.get('schemaLocation');
  if (location === undefined) return undefined;
  const of = node.name === 'import' ? (node.attributes.get('namespace') ?? '') : undefined;
  // libxml2 reads one document for a namespace. Which one that is depends on the order in which it meets them.
  const before = of === undefined ? undefined : imported.get(of);
  if (before === SCHEMA_URL) return undefined;
  const document = importedDocument(set, location, url);
  if (before !== undefined && before !== document.url) {
    throw new CannotCompare(`more than one document is imported for the namespace "${of ?? ''}"`);
  }
  if (of !== undefined) imported.set(of, document.url);
  const namespace = of === undefined ? scope.targetNamespace : undefined;
  const key = `${namespace ?? ''} ${document.url}`;
  if (seen.has(key)) return undefined;
  seen.add(key);
  return { ...document, namespace };
}

function scopeOf(node: SchemaNode, includedInto: string | undefined): Scope {
  const own = node.attributes.get('targetNamespace');
  return {
    targetNamespace: own ?? includedInto ?? '',
    chameleon: own === undefined && includedInto !== undefined,
    qualifiedElements: node.attributes.get('elementFormDefault') === 'qualified',
    qualifiedAttributes: node.attributes.get('attributeFormDefault') === 'qualified',
    block: node.attributes.get('blockDefault') ?? '',
  };
}

/** The children that are XML Schema's own and no annotation. */
export function schemaChildren(node: SchemaNode): SchemaNode[] {
  return node.children.filter(({ uri, name }) => uri === XSD && name !== 'annotation');
}

/** The first child of one of the names. */
export function childOf(node: SchemaNode, ...names: readonly string[]): SchemaNode | undefined {
  return node.children.find(({ uri, name }) => uri === XSD && names.includes(name));
}

/** The expanded name that an attribute refers to. */
export function reference({ node, scope }: Definition, attribute: string): QualifiedName | undefined {
  const text = node.attributes.get(attribute)?.trim();
  return text === undefined ? undefined : expand({ node, scope }, text);
}

/** A QName as written at the node. */
export function expand({ node, scope }: Definition, text: string): QualifiedName {
  const colon = text.indexOf(':');
  const uri = node.prefixes.get(colon < 0 ? '' : text.slice(0, colon)) ?? '';
  const own = colon < 0 && uri === '' && scope.chameleon;
  return { uri: own ? scope.targetNamespace : uri, local: text.slice(colon + 1) };
}

/** The component of the name. */
export function find(components: XsdComponents, kind: Kind, name: QualifiedName): Definition {
  const found = components[kind].get(nameKey(name));
  if (found === undefined) throw new CannotCompare(`the ${kind} "${name.local}" is not in the schema or its imports`);
  return found;
}
