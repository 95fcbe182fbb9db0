/** A schema as it is parsed, and the schemas that it refers to, by the name or URI that its `$ref`s use. */
export interface JsonSchemaSet {
  readonly schema: unknown;
  readonly imports: Readonly<Record<string, unknown>>;
}

export type Keywords = Readonly<Record<string, unknown>>;

/** A schema at its place in a set. The same place gives the same `id`. */
export interface SchemaNode {
  readonly id: string;
  readonly schema: Keywords | boolean;
  /** JSON Pointer (RFC 6901) into the document; in an import with its name before: `common.json#/$defs/id`. */
  readonly path: string;
  /** URI that relative references in it are resolved against (JSON Schema 2020-12 Core §8.2). */
  readonly base: string;
  readonly documents: Documents | undefined;
}

interface Place {
  readonly schema: unknown;
  readonly path: string;
  readonly base: string;
}

/** All that a reference within a set can lead to. */
export interface Documents {
  /** Keeps the ids of the nodes of two sets apart. */
  readonly label: string;
  readonly ignored: ReadonlySet<string>;
  readonly places: Map<string, Place>;
  /** How many subschemas bear a `$dynamicAnchor`. */
  readonly dynamicAnchors: Map<string, number>;
}

/** What documents without an absolute URI are resolved against. */
const NO_BASE = 'schema:///';
const DRAFT_7 = /draft-07/;
const NOT_IN_DRAFT_7 = [
  ...['prefixItems', 'minContains', 'maxContains', 'dependentRequired', 'dependentSchemas'],
  ...['unevaluatedProperties', 'unevaluatedItems', '$dynamicRef'],
];
const NOT_IN_2020_12 = ['additionalItems'];

/** Keywords whose value is a schema, a list of schemas, or an object of schemas. */
export const ONE_SCHEMA = [
  ...['additionalProperties', 'propertyNames', 'contains', 'not', 'if', 'then', 'else', 'items', 'additionalItems'],
  ...['unevaluatedProperties', 'unevaluatedItems', 'contentSchema'],
];
export const MANY_SCHEMAS = ['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items'];
export const NAMED_SCHEMAS = [
  ...['properties', 'patternProperties', 'dependentSchemas', 'dependencies', '$defs', 'definitions'],
];

/** The root of a set, its identifiers read. */
export function readSet(set: JsonSchemaSet, label: string): SchemaNode {
  // One draft for the whole set: the first that is named, or 2020-12.
  const drafts = [set.schema, ...Object.values(set.imports)].map((one) => (isObject(one) ? one['$schema'] : undefined));
  const draft = drafts.find((name) => typeof name === 'string') ?? '';
  const documents: Documents = {
    label,
    ignored: new Set(DRAFT_7.test(draft) ? NOT_IN_DRAFT_7 : NOT_IN_2020_12),
    places: new Map(),
    dynamicAnchors: new Map(),
  };
  const root = { schema: set.schema, path: '', base: NO_BASE };
  documents.places.set(NO_BASE, root);
  const base = readIdentifiers(documents, root);
  for (const [name, schema] of Object.entries(set.imports)) {
    for (const uri of new Set([resolveUri(name, NO_BASE), resolveUri(name, base)])) {
      const place = { schema, path: `${name}#`, base: withoutFragment(uri) };
      documents.places.set(place.base, place);
      readIdentifiers(documents, place);
    }
  }
  return toNode(documents, { ...root, base });
}

/** Enters the `$id`s and anchors of a schema and of all within it; gives its base URI. */
function readIdentifiers(documents: Documents, place: Place): string {
  const { schema, path } = place;
  if (!isObject(schema)) return place.base;
  const base = baseOf(schema, place.base);
  if (base !== place.base) documents.places.set(base, { schema, path, base });
  // Draft 7 writes an anchor as an `$id` that is only a fragment.
  const { $id: id, $anchor: anchor, $dynamicAnchor: dynamic } = schema;
  const plain = typeof id === 'string' && id.startsWith('#') ? id.slice(1) : anchor;
  for (const name of [plain, dynamic])
    if (typeof name === 'string') documents.places.set(`${base}#${name}`, { schema, path, base });
  if (typeof dynamic === 'string')
    documents.dynamicAnchors.set(dynamic, (documents.dynamicAnchors.get(dynamic) ?? 0) + 1);
  for (const [steps, inner] of subschemas(schema))
    readIdentifiers(documents, { schema: inner, path: path + toPointer(steps), base });
  return base;
}

/** The schemas directly within a schema, each with the steps to it. */
function subschemas(schema: Keywords): [string[], unknown][] {
  return Object.entries(schema).flatMap(([keyword, value]): [string[], unknown][] => {
    if (NAMED_SCHEMAS.includes(keyword) && isObject(value))
      return Object.entries(value).map(([name, inner]) => [[keyword, name], inner]);
    if (MANY_SCHEMAS.includes(keyword) && Array.isArray(value))
      return value.map((inner: unknown, index) => [[keyword, String(index)], inner]);
    return ONE_SCHEMA.includes(keyword) ? [[[keyword], value]] : [];
  });
}

/** The schema that a `$ref` names; undefined where there is none in the set. */
export function resolveReference(node: SchemaNode, reference: string): SchemaNode | undefined {
  const { documents } = node;
  if (documents === undefined) return undefined;
  const at = reference.indexOf('#');
  const [address, fragment] = at < 0 ? [reference, ''] : [reference.slice(0, at), decode(reference.slice(at + 1))];
  const uri = withoutFragment(resolveUri(address, node.base));
  const place =
    documents.places.get(uri) ?? (address === '' ? undefined : documents.places.get(resolveUri(address, NO_BASE)));
  if (place === undefined) return undefined;
  if (fragment === '') return toNode(documents, place);
  if (fragment.startsWith('/')) return walk(documents, place, fragment.slice(1).split('/').map(unescapeStep));
  const anchored = documents.places.get(`${baseOf(place.schema, place.base)}#${fragment}`);
  return anchored && toNode(documents, anchored);
}

/** A `$dynamicRef` is a `$ref` where only one subschema bears the anchor (2020-12 Core §8.2.3.2). */
export function isPlainDynamicReference(node: SchemaNode, reference: string): boolean {
  const anchor = reference.slice(reference.indexOf('#') + 1);
  return anchor.startsWith('/') || (node.documents?.dynamicAnchors.get(anchor) ?? 0) <= 1;
}

function walk(documents: Documents, from: Place, steps: readonly string[]): SchemaNode | undefined {
  let { schema, path } = from;
  let base = baseOf(schema, from.base);
  for (const step of steps) {
    if (typeof schema !== 'object' || schema === null || !Object.hasOwn(schema, step)) return undefined;
    schema = (schema as Keywords)[step];
    path += toPointer([step]);
    base = baseOf(schema, base);
  }
  return isObject(schema) || typeof schema === 'boolean' ? toNode(documents, { schema, path, base }) : undefined;
}

function toNode(documents: Documents, { schema, path, base }: Place): SchemaNode {
  const told = typeof schema === 'boolean' ? schema : isObject(schema) ? known(schema, documents.ignored) : true;
  return { id: documents.label + path, schema: told, path, base: baseOf(schema, base), documents };
}

function known(schema: Keywords, ignored: ReadonlySet<string>): Keywords {
  return Object.keys(schema).some((name) => ignored.has(name))
    ? Object.fromEntries(Object.entries(schema).filter(([name]) => !ignored.has(name)))
    : schema;
}

/** The schema within a schema, by the steps of a JSON Pointer. */
export function child(node: SchemaNode, ...steps: string[]): SchemaNode {
  let inner: unknown = node.schema;
  for (const step of steps) inner = isObject(inner) || Array.isArray(inner) ? (inner as Keywords)[step] : undefined;
  const path = node.path + toPointer(steps);
  if (node.documents !== undefined) return toNode(node.documents, { schema: inner, path, base: node.base });
  const schema = isObject(inner) || typeof inner === 'boolean' ? inner : true;
  return { ...node, id: node.id + path, schema, path };
}

/** A schema that stands in no document and refers to none. */
export function madeSchema(schema: Keywords | boolean): SchemaNode {
  return { id: `made:${JSON.stringify(schema)}`, schema, path: '', base: NO_BASE, documents: undefined };
}

/** The value of a keyword; `undefined` in a boolean schema. */
export function keyword(node: SchemaNode, name: string): unknown {
  return typeof node.schema === 'boolean' ? undefined : node.schema[name];
}

export function isObject(value: unknown): value is Keywords {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function toPointer(steps: readonly string[]): string {
  return steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export function unescapeStep(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

function baseOf(schema: unknown, base: string): string {
  const id = isObject(schema) ? schema['$id'] : undefined;
  return typeof id === 'string' && !id.startsWith('#') ? withoutFragment(resolveUri(id, base)) : base;
}

function resolveUri(reference: string, base: string): string {
  if (reference === '') return base;
  return URL.canParse(reference, base) ? new URL(reference, base).href : reference;
}

function withoutFragment(uri: string): string {
  return uri.replace(/#.*$/s, '');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
