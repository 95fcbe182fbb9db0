import type { AttributeRule } from './content-model.js';
import { type NameClass, type QualifiedName, nameKey } from './name-class.js';
import { CannotCompare } from './schema-tree.js';
import { ANY_TEXT, type SimpleType, holdsNames } from './simple-types.js';
import { type Definition, childOf, find, reference, schemaChildren } from './xsd-read.js';
import { type SimpleTypes, namedSimpleType, simpleType } from './xsd-simple.js';

/** The attributes of a type: those with a name, and the wildcard. */
export interface AttributeUses {
  readonly named: ReadonlyMap<string, AttributeRule | 'prohibited'>;
  readonly wildcard: Wildcard | undefined;
}

export interface Wildcard {
  readonly names: NameClass;
  readonly process: string;
}

/** What the attributes, attribute groups and wildcard directly in the node say (Part 1 §3.4.2). */
export function attributeUses(types: SimpleTypes, { node, scope }: Definition): AttributeUses {
  const named = new Map<string, AttributeRule | 'prohibited'>();
  const wildcards: Wildcard[] = [];
  for (const child of schemaChildren(node)) {
    const at = { node: child, scope };
    if (child.name === 'attribute') {
      const [name, rule] = attributeUse(types, at);
      named.set(nameKey(name), rule);
    } else if (child.name === 'attributeGroup') {
      const ref = reference(at, 'ref');
      if (ref === undefined) continue;
      const group = attributeUses(types, find(types.components, 'attributeGroup', ref));
      for (const [key, rule] of group.named) if (!named.has(key)) named.set(key, rule);
      if (group.wildcard !== undefined) wildcards.push(group.wildcard);
    } else if (child.name === 'anyAttribute') wildcards.unshift(wildcardOf(at));
  }
  const [first] = wildcards;
  const names: NameClass = { kind: 'both', of: wildcards.map((each) => each.names) };
  return { named, wildcard: first && { names, process: first.process } };
}

/** What an xs:any or xs:anyAttribute takes in (Part 1 §3.10.2). */
export function wildcardOf({ node, scope }: Definition): Wildcard {
  const namespaces = node.attributes.get('namespace') ?? '##any';
  const namespace = (uri: string): NameClass => ({ kind: 'namespace', uri });
  const process = node.attributes.get('processContents') ?? 'strict';
  if (namespaces.trim() === '##any') return { names: { kind: 'any' }, process };
  if (namespaces.trim() === '##other') {
    const others: NameClass = { kind: 'either', of: [namespace(scope.targetNamespace), namespace('')] };
    return { names: { kind: 'not', of: others }, process };
  }
  const uris = namespaces.split(/\s+/u).filter((uri) => uri !== '');
  const uriOf = (uri: string): string =>
    uri === '##targetNamespace' ? scope.targetNamespace : uri === '##local' ? '' : uri;
  return { names: { kind: 'either', of: uris.map((uri) => namespace(uriOf(uri))) }, process };
}

function attributeUse(types: SimpleTypes, at: Definition): [QualifiedName, AttributeRule | 'prohibited'] {
  const { node, scope } = at;
  const ref = reference(at, 'ref');
  const form = node.attributes.get('form');
  const qualified = form === undefined ? scope.qualifiedAttributes : form === 'qualified';
  const name = ref ?? { uri: qualified ? scope.targetNamespace : '', local: node.attributes.get('name') ?? '' };
  const use = node.attributes.get('use');
  if (use === 'prohibited') return [name, 'prohibited'];
  const declared = ref === undefined ? at : find(types.components, 'attribute', ref);
  const type = attributeType(types, declared);
  const fixed = node.attributes.get('fixed') ?? declared.node.attributes.get('fixed');
  const rule: AttributeRule = {
    names: { kind: 'name', name },
    required: use === 'required',
    fixed,
    default: node.attributes.get('default') ?? declared.node.attributes.get('default'),
    type: () => type,
  };
  return [name, rule];
}

/** The type of an attribute declaration. */
function attributeType(types: SimpleTypes, at: Definition): SimpleType {
  const name = reference(at, 'type');
  if (name !== undefined) return namedSimpleType(types, name);
  const inner = childOf(at.node, 'simpleType');
  return inner === undefined ? ANY_TEXT : simpleType(types, { node: inner, scope: at.scope });
}

/** A type's attributes when it extends another. */
export function extendedUses(base: AttributeUses, own: AttributeUses): AttributeUses {
  const named = new Map([...base.named, ...own.named]);
  if (base.wildcard === undefined || own.wildcard === undefined) {
    return { named, wildcard: own.wildcard ?? base.wildcard };
  }
  const names: NameClass = { kind: 'either', of: [base.wildcard.names, own.wildcard.names] };
  return { named, wildcard: { names, process: own.wildcard.process } };
}

/** A type's attributes when it restricts another: it has those of its base, but only its own wildcard. */
export function restrictedUses(base: AttributeUses, own: AttributeUses): AttributeUses {
  return { named: new Map([...base.named, ...own.named]), wildcard: own.wildcard };
}

/** The uses as rules; a wildcard's does not take in what has a name of its own. */
export function attributeRules(types: SimpleTypes, { named, wildcard }: AttributeUses): AttributeRule[] {
  const rules = [...named.values()].filter((rule) => rule !== 'prohibited');
  if (wildcard === undefined) return rules;
  const own: NameClass = { kind: 'either', of: rules.map(({ names }) => names) };
  const names: NameClass = { kind: 'both', of: [wildcard.names, { kind: 'not', of: own }] };
  const type = (name: QualifiedName): SimpleType | undefined => {
    const declared = wildcard.process === 'skip' ? undefined : types.components.attribute.get(nameKey(name));
    if (declared !== undefined) {
      const [of, fixed] = [attributeType(types, declared), declared.node.attributes.get('fixed')];
      if (fixed === undefined || of.kind === 'except') return of;
      if (holdsNames(of)) throw new CannotCompare('it has a qualified name as a fixed value');
      return { ...of, facets: { ...of.facets, enumeration: [fixed] } };
    }
    return wildcard.process === 'strict' ? undefined : ANY_TEXT;
  };
  return [...rules, { names, required: false, fixed: undefined, default: undefined, type }];
}
