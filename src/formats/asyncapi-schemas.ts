/** A JSON contract as values: the schema, and what it refers to by the names that it uses. */
export interface SchemaDocuments {
  readonly schema: unknown;
  readonly imports: Readonly<Record<string, unknown>>;
}

/** AsyncAPI 3.0, Multi Format Schema Object. */
interface FormattedSchema {
  readonly schemaFormat: string;
  readonly schema: unknown;
}

/** What is nested deeper is linked to. */
const MOST_DEPTH = 100;

/**
 * The documents as components of an AsyncAPI document, the schema under this name, the others under names that begin with
 * it. In there a `$ref` is resolved against the whole document (AsyncAPI 3.0, Reference Object), so each is turned into the
 * place where its target now stands. Undefined: that cannot be done, and the schema is to be linked to.
 */
export function schemaComponents(
  name: string,
  { schema, imports }: SchemaDocuments,
): Record<string, FormattedSchema> | undefined {
  const documents = [
    { component: name, uri: '', value: schema },
    ...Object.entries(imports).map(([uri, value], index) => ({
      component: `${name}.${String(index + 1)}`,
      uri,
      value,
    })),
  ];
  const components = new Map<string, string>();
  for (const { component, uri, value } of documents) {
    for (const known of [uri, idOf(value)]) if (known !== undefined) components.set(known, component);
  }
  const targets: { component: string; pointer: string }[] = [];
  try {
    const made = Object.fromEntries(
      documents.map(({ component, uri, value }) => {
        const base = idOf(value) ?? uri;
        const draft = draftOf(value) ?? draftOf(schema) ?? '2020-12';
        return [
          component,
          { schemaFormat: formatOf(draft), schema: relocated(value, draft, (ref) => placeOf(ref, base)) },
        ];
      }),
    );
    return targets.every(({ component, pointer }) => isThere(made[component]?.schema, pointer)) ? made : undefined;
  } catch (error) {
    if (error instanceof NotRelocatable) return undefined;
    throw error;
  }

  function placeOf(reference: string, base: string): string {
    const hash = reference.indexOf('#');
    const uri = hash < 0 ? reference : reference.slice(0, hash);
    const pointer = hash < 0 ? '' : reference.slice(hash + 1);
    const component = uri === '' ? components.get(base) : (components.get(uri) ?? components.get(resolved(uri, base)));
    // What is named by an anchor could be anywhere.
    if (component === undefined || !/^(?:\/|$)/.test(pointer)) throw new NotRelocatable();
    targets.push({ component, pointer });
    return `#/components/schemas/${component}/schema${pointer}`;
  }
}

/** Does a JSON Pointer in the form of a URI fragment (RFC 6901 §6) lead to something? */
function isThere(document: unknown, pointer: string): boolean {
  let value = document;
  for (const part of pointer.split('/').slice(1)) {
    const name = unescaped(part);
    if (typeof value !== 'object' || value === null || name === undefined || !Object.hasOwn(value, name)) return false;
    value = (value as Record<string, unknown>)[name];
  }
  return true;
}

function unescaped(part: string): string | undefined {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return undefined;
  }
}

class NotRelocatable extends Error {}

/** JSON Schema 2020-12 §8.2.3.2, 2019-09 §8.2.4.2.1. */
const DYNAMIC = ['$dynamicRef', '$recursiveRef'];

/** The schema with other `$ref`s, and without the `$id` that they would be resolved against. */
function relocated(document: unknown, draft: Draft, placeOf: (reference: string) => string): unknown {
  return copy(document, 0);

  function copy(value: unknown, depth: number): unknown {
    if (depth > MOST_DEPTH) throw new NotRelocatable();
    if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
    if (typeof value !== 'object' || value === null) return value;
    const { $ref, $id, ...rest } = value as Record<string, unknown>;
    if (typeof $id === 'string' && depth > 0) throw new NotRelocatable();
    // Where these lead is decided while a document is checked, and by all of the document that they stand in.
    if (DYNAMIC.some((name) => Object.hasOwn(rest, name))) throw new NotRelocatable();
    const others = Object.entries(typeof $id === 'string' || $id === undefined ? rest : { ...rest, $id });
    const copied = Object.fromEntries(others.map(([name, member]) => [name, copy(member, depth + 1)]));
    if ($ref === undefined) return copied;
    // A property of this name: readers of AsyncAPI would take it for a reference.
    if (typeof $ref !== 'string') throw new NotRelocatable();
    const reference = { $ref: placeOf($ref) };
    // They lose what stands beside a reference; draft-07 ignores it too, but for what others refer to.
    const { allOf, definitions } = copied;
    if (draft === 'draft-07') return definitions === undefined ? reference : { definitions, allOf: [reference] };
    if (others.length === 0) return reference;
    return { ...copied, allOf: [...(Array.isArray(allOf) ? (allOf as unknown[]) : []), reference] };
  }
}

type Draft = 'draft-07' | '2020-12';

/**
 * AsyncAPI 3.0 knows draft-07 by this name, and leaves room for others ("custom values"), which are written in the same way.
 */
function formatOf(draft: Draft): string {
  return `application/schema+json;version=${draft}`;
}

function draftOf(schema: unknown): Draft | undefined {
  const dialect = memberOf(schema, '$schema');
  if (dialect === undefined) return undefined;
  return dialect.includes('draft-07') ? 'draft-07' : '2020-12';
}

function idOf(schema: unknown): string | undefined {
  return memberOf(schema, '$id')?.replace(/#$/, '');
}

function memberOf(schema: unknown, name: string): string | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  const value = (schema as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : undefined;
}

function resolved(uri: string, base: string): string {
  return URL.canParse(uri, base) ? new URL(uri, base).href : uri;
}
