/** An expanded name: a namespace, which may be the empty one, and a local name. */
export interface QualifiedName {
  readonly uri: string;
  readonly local: string;
}

/** A set of names: what a wildcard of XML Schema or a name class of RELAX NG allows. */
export type NameClass =
  | { readonly kind: 'name'; readonly name: QualifiedName }
  | { readonly kind: 'any' }
  | { readonly kind: 'namespace'; readonly uri: string }
  | { readonly kind: 'not'; readonly of: NameClass }
  | { readonly kind: 'either' | 'both'; readonly of: readonly NameClass[] };

/** No element, attribute or namespace has it: it stands for whatever no schema mentions. */
export const OTHER = '*';

/** The name as one text, the way James Clark writes it. */
export function nameKey({ uri, local }: QualifiedName): string {
  return `{${uri}}${local}`;
}

/** Is the name in the set? */
export function hasName(names: NameClass, name: QualifiedName): boolean {
  switch (names.kind) {
    case 'name':
      return names.name.local === name.local && names.name.uri === name.uri;
    case 'any':
      return true;
    case 'namespace':
      return names.uri === name.uri;
    case 'not':
      return !hasName(names.of, name);
    case 'either':
      return names.of.some((part) => hasName(part, name));
    case 'both':
      return names.of.every((part) => hasName(part, name));
  }
}

/** The names of a set that lists them; undefined when it takes in names that it does not list. */
export function listedNames(names: NameClass): readonly QualifiedName[] | undefined {
  switch (names.kind) {
    case 'name':
      return [names.name];
    case 'either': {
      const parts = names.of.map(listedNames);
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * Every name that the sets mention, one more for each namespace that they mention, and one of a namespace that they do
 * not: two sets made of these hold the same names if they hold the same ones of this list.
 */
export function tellingNames(classes: Iterable<NameClass>, more: Iterable<QualifiedName> = []): QualifiedName[] {
  const found = new Map<string, QualifiedName>();
  const add = (name: QualifiedName): void => {
    for (const each of [name, { uri: name.uri, local: OTHER }]) found.set(nameKey(each), each);
  };
  const collect = (names: NameClass): void => {
    if (names.kind === 'name') add(names.name);
    else if (names.kind === 'namespace') add({ uri: names.uri, local: OTHER });
    else if (names.kind === 'not') collect(names.of);
    else if (names.kind !== 'any') names.of.forEach(collect);
  };
  for (const uri of ['', OTHER]) add({ uri, local: OTHER });
  for (const names of classes) collect(names);
  for (const name of more) add(name);
  return [...found.values()];
}
