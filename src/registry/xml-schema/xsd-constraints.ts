import { nameKey } from './name-class.js';
import { CannotCompare, type SchemaNode } from './schema-tree.js';
import { type Definition, type XsdComponents, XSD, expand } from './xsd-read.js';

/** What each key of a schema says and where it stands, by its name. */
export type Keys = Map<string, string>;

/** An element's identity constraints by what they say, their own names aside (Part 1 §3.11.2). */
export function constraintsOf(components: XsdComponents, keys: Keys, { node, scope }: Definition): string[] {
  return node.children.filter(isConstraint).map((constraint) => {
    const refer = constraint.attributes.get('refer')?.trim();
    return spoken(
      constraint,
      refer === undefined ? [] : [referred(components, keys, { node: constraint, scope }, refer)],
    );
  });
}

function isConstraint({ uri, name }: SchemaNode): boolean {
  return uri === XSD && ['key', 'keyref', 'unique'].includes(name);
}

function spoken(constraint: SchemaNode, more: readonly string[]): string {
  const paths = constraint.children
    .filter(({ uri, name }) => uri === XSD && name !== 'annotation')
    .map(({ attributes, prefixes }) =>
      (attributes.get('xpath') ?? '').replace(/([^\s/|@:*]+):(?!:)/gu, (whole, prefix: string) => {
        const uri = prefixes.get(prefix);
        return uri === undefined ? whole : `{${uri}}`;
      }),
    );
  return JSON.stringify([constraint.name, ...paths, ...more]);
}

function referred(components: XsdComponents, keys: Keys, at: Definition, name: string): string {
  if (keys.size === 0) {
    for (const kind of ['element', 'type', 'group'] as const) {
      for (const [key, { node, scope }] of components[kind]) collect(keys, { node, scope }, [kind, key]);
    }
  }
  const found = keys.get(nameKey(expand(at, name)));
  if (found === undefined) throw new CannotCompare(`the key "${name}" is not in the schema or its imports`);
  return found;
}

/** Keys that say the same in two places are not the same. */
function collect(keys: Keys, { node, scope }: Definition, place: readonly string[]): void {
  for (const child of node.children) {
    const name = child.attributes.get('name') ?? '';
    if (isConstraint(child)) {
      keys.set(nameKey({ uri: scope.targetNamespace, local: name }), JSON.stringify([spoken(child, []), ...place]));
    } else if (child.uri === XSD) {
      collect(keys, { node: child, scope }, name === '' ? place : [...place, name]);
    }
  }
}
