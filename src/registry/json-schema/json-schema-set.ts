import { partsOf } from '../../formats/json/json-pointer.js';
import { pointerPart } from '../../formats/json/json-text.js';

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

type Place = Pick<SchemaNode, 'id' | 'path' | 'base'> & { readonly schema: unknown };

/** All that a reference within a set can lead to. */
export interface Documents {
  readonly rootId: string;
  readonly ignored: ReadonlySet<string>;
  /** By URI; `undefined` where two schemas bear the same, or one bears that of a draft. */
  readonly places: Map<string, Place | undefined>;
  /** How many subschemas bear a `$dynamicAnchor`. */
  readonly dynamicAnchors: Map<string, number>;
  /** Of several schemas at once, whether nothing fits them all (json-schema-empty.ts). */
  readonly empty: Map<string, boolean>;
  /** Of two schemas, whether they say the same (json-schema-same.ts). */
  readonly same: Map<string, boolean>;
}

/** What documents without an absolute URI are resolved against. */
const NO_BASE = 'schema:///';
const DRAFT_7 = /draft-07/;
/** The schemas of the drafts themselves, which a validator knows without being given them. */
const METASCHEMAS = [
  'http://json-schema.org/draft-07/schema',
  ...[
    'schema',
    ...['meta/core', 'meta/applicator', 'meta/unevaluated', 'meta/validation', 'meta/meta-data'],
    ...['meta/format-annotation', 'meta/content'],
  ].map((name) => `https://json-schema.org/draft/2020-12/${name}`),
];
/** Another name for that of the draft in use. */
const SOME_METASCHEMA = 'http://json-schema.org/schema';
const NOT_IN_DRAFT_7 = [
  ...['prefixItems', 'minContains', 'maxContains', 'dependentRequired', 'dependentSchemas'],
  ...['unevaluatedProperties', 'unevaluatedItems', '$dynamicRef', '$recursiveRef'],
];
const NOT_IN_2020_12 = ['additionalItems'];
/** References that lead to references, in a circle perhaps. */
const MOST_HOPS = 20;

/** Keywords whose value is a schema, a list of schemas, or an object of schemas. */
export const ONE_SCHEMA = [
  ...['additionalProperties', 'propertyNames', 'contains', 'not', 'if', 'then', 'else', 'items', 'additionalItems'],
  ...['unevaluatedProperties', 'unevaluatedItems', 'contentSchema'],
];
export const MANY_SCHEMAS = ['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items'];
export const NAMED_SCHEMAS = [
  ...['properties', 'patternProperties', 'dependentSchemas', 'dependencies', '$defs', 'definitions'],
];
/** Keywords whose value is no schema, whatever it looks like. */
const VALUES = ['const', 'enum', 'default', 'examples'];

/** The root of a set, its identifiers read. The label keeps the ids of the nodes of two sets apart. */
export function readSet(set: JsonSchemaSet, label: string): SchemaNode {
  // One draft for the whole set: the first that is named, or 2020-12.
  const drafts = [set.schema, ...Object.values(set.imports)].map((one) => (isObject(one) ? one['$schema'] : undefined));
  const draft = drafts.find((name) => typeof name === 'string') ?? '';
  const documents: Documents = {
    rootId: label,
    ignored: new Set(DRAFT_7.test(draft) ? NOT_IN_DRAFT_7 : NOT_IN_2020_12),
    places: new Map([...METASCHEMAS, SOME_METASCHEMA].map((uri) => [uri, undefined])),
    dynamicAnchors: new Map(),
    empty: new Map(),
    same: new Map(),
  };
  const root = { id: label, schema: set.schema, path: '', base: NO_BASE };
  enter(documents, NO_BASE, root);
  const base = readIdentifiers(documents, root);
  for (const [index, [name, schema]] of Object.entries(set.imports).entries()) {
    const place = { id: `${label} ${String(index)}`, schema, path: `${name}#` };
    for (const uri of new Set([resolveUri(name, NO_BASE), resolveUri(name, base)].map(withoutFragment))) {
      enter(documents, uri, { ...place, base: uri });
      readIdentifiers(documents, { ...place, base: uri });
    }
  }
  return toNode(documents, { ...root, base });
}

function enter({ places }: Documents, uri: string, place: Place): void {
  const taken = places.has(uri) && places.get(uri)?.schema !== place.schema;
  places.set(uri, taken ? undefined : place);
}

/** Enters the `$id`s and anchors of a schema and of all within it; gives its base URI. */
function readIdentifiers(documents: Documents, place: Place): string {
  const { id, schema, path } = place;
  if (!isObject(schema)) return place.base;
  const base = baseOf(schema, place.base);
  if (base !== place.base) enter(documents, base, { ...place, base });
  const { $id: identifier, $anchor: anchor, $dynamicAnchor: dynamic } = schema;
  // Draft 7 writes an anchor as the fragment of an `$id`.
  const fragment = typeof identifier === 'string' ? identifier.replace(/^[^#]*#?/, '') : '';
  for (const name of new Set([fragment, anchor, dynamic]))
    if (typeof name === 'string' && name !== '') enter(documents, `${base}#${name}`, { ...place, base });
  if (typeof dynamic === 'string')
    documents.dynamicAnchors.set(dynamic, (documents.dynamicAnchors.get(dynamic) ?? 0) + 1);
  for (const [steps, inner] of subschemas(schema)) {
    const pointer = toPointer(steps);
    readIdentifiers(documents, { id: id + pointer, schema: inner, path: path + pointer, base });
  }
  return base;
}

/** What may be schemas directly within a schema, under unknown keywords too, each with the steps to it. */
function subschemas(schema: Keywords): [string[], unknown][] {
  return Object.entries(schema).flatMap(([keyword, value]): [string[], unknown][] => {
    if (VALUES.includes(keyword)) return [];
    if (Array.isArray(value) || (NAMED_SCHEMAS.includes(keyword) && isObject(value)))
      return Object.entries(value).map(([name, inner]) => [[keyword, name], inner]);
    return [[[keyword], value]];
  });
}

/** The schema that a `$ref` names; undefined where there is none in the set, or no one alone. */
export function resolveReference(node: SchemaNode, reference: string): SchemaNode | undefined {
  const { documents } = node;
  if (documents === undefined) return undefined;
  const [, address = '', hash = ''] = /^([^#]*)(?:#(.*))?$/s.exec(reference) ?? [];
  const uris = [resolveUri(address, node.base), ...(address === '' ? [] : [resolveUri(address, NO_BASE)])];
  const uri = uris.map(withoutFragment).find((one) => documents.places.has(one));
  const place = uri === undefined ? undefined : documents.places.get(uri);
  if (place === undefined) return undefined;
  // Of a validator's making: "#/" is the whole.
  if (hash === '' || hash === '/') return toNode(documents, place);
  // An encoded slash stands within a step.
  const fragment = decode(hash.replaceAll(/%2f/gi, '~1'));
  if (fragment.startsWith('/')) return walk(documents, place, partsOf(fragment));
  const anchored = documents.places.get(`${baseOf(place.schema, place.base)}#${fragment}`);
  return anchored && toNode(documents, anchored);
}

/** The schema that says it all, where one is nothing but a `$ref`: however many refer to it, it is looked at once. */
export function followed(node: SchemaNode): SchemaNode {
  let at = node;
  for (let hops = 0; hops < MOST_HOPS; hops++) {
    const reference = keyword(at, '$ref');
    const alone = typeof reference === 'string' && Object.keys(at.schema).length === 1;
    const target = alone ? resolveReference(at, reference) : undefined;
    if (target === undefined) return at;
    at = target;
  }
  return at;
}

/** Does it lead to the schema of a draft, which is the same in every set? A dynamic anchor might extend that. */
export function leadsToMetaschema(node: SchemaNode, reference: string): boolean {
  return METASCHEMAS.includes(withoutFragment(reference)) && node.documents?.dynamicAnchors.size === 0;
}

/**
 * A `$dynamicRef` is a `$ref` where only the root bears the anchor (2020-12 Core §8.2.3.2). An anchor further down is
 * not found by the validator, which goes to the root then, or to where the last `$ref` led.
 */
export function isPlainDynamicReference(node: SchemaNode, reference: string): boolean {
  const anchors = node.documents?.dynamicAnchors.get(reference.slice(1));
  return anchors === 1 && resolveReference(node, reference)?.id === node.documents?.rootId;
}

function walk(documents: Documents, from: Place, steps: readonly string[]): SchemaNode | undefined {
  let { schema } = from;
  let base = baseOf(schema, from.base);
  for (const step of steps) {
    if (typeof schema !== 'object' || schema === null || !Object.hasOwn(schema, step)) return undefined;
    schema = (schema as Keywords)[step];
    base = baseOf(schema, base);
  }
  const pointer = toPointer(steps);
  return isObject(schema) || typeof schema === 'boolean'
    ? toNode(documents, { id: from.id + pointer, schema, path: from.path + pointer, base })
    : undefined;
}

function toNode(documents: Documents, { id, schema, path, base }: Place): SchemaNode {
  const told = typeof schema === 'boolean' ? schema : isObject(schema) ? known(schema, documents.ignored) : true;
  return { id, schema: told, path, base: baseOf(schema, base), documents };
}

/** What a validator goes by: of the keywords those of the draft, and `nullable` (OpenAPI 3.0), which is another type. */
function known(schema: Keywords, ignored: ReadonlySet<string>): Keywords {
  const { type, nullable } = schema;
  const typed = nullable === true && type !== undefined ? { ...schema, type: [type, 'null'].flat() } : schema;
  return Object.keys(typed).some((name) => ignored.has(name))
    ? Object.fromEntries(Object.entries(typed).filter(([name]) => !ignored.has(name)))
    : typed;
}

/** The schema within a schema, by the steps of a JSON Pointer. */
export function child(node: SchemaNode, ...steps: string[]): SchemaNode {
  let inner: unknown = node.schema;
  for (const step of steps) inner = isObject(inner) || Array.isArray(inner) ? (inner as Keywords)[step] : undefined;
  const pointer = toPointer(steps);
  const place = { ...node, id: node.id + pointer, schema: inner, path: node.path + pointer };
  if (node.documents !== undefined) return toNode(node.documents, place);
  return { ...place, schema: isObject(inner) || typeof inner === 'boolean' ? inner : true };
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
  return steps.map(pointerPart).join('');
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
