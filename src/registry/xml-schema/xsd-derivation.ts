import { type QualifiedName, nameKey } from './name-class.js';
import { derivesFrom, isBuiltIn } from './simple-types.js';
import {
  type Definition,
  type XsdComponents,
  XSD,
  childOf,
  expand,
  find,
  reference,
  schemaChildren,
} from './xsd-read.js';

/** A declared type: a name, or the node of a type without one. */
export type TypeAt = QualifiedName | Definition;

export type Method = 'extension' | 'restriction';

/** The way from a type to one that it is derived from. */
export interface Descent {
  readonly methods: ReadonlySet<Method>;
  /** The types on the way, without both ends. */
  readonly between: readonly Definition[];
  /** The last step is one between simple types that the schema does not write down. */
  readonly unwritten: boolean;
}

/** An element's own type, or that of the head of its substitution group (Part 1 §3.3.2). */
export function declaredType(components: XsdComponents, declaration: Definition): TypeAt {
  const name = reference(declaration, 'type');
  if (name !== undefined) return name;
  const inner = childOf(declaration.node, 'simpleType', 'complexType');
  if (inner !== undefined) return { node: inner, scope: declaration.scope };
  const head = reference(declaration, 'substitutionGroup');
  if (head !== undefined) return declaredType(components, find(components, 'element', head));
  return { uri: XSD, local: 'anyType' };
}

/** Where a type that the schema defines is written; undefined for those of XML Schema itself. */
export function definitionOf(components: XsdComponents, at: TypeAt): Definition | undefined {
  if ('node' in at) return at;
  return at.uri === XSD ? undefined : find(components, 'type', at);
}

/** How the type is derived from the other one (Part 1 §3.4.6, §3.14.6); undefined when it is not. */
export function descent(components: XsdComponents, from: TypeAt, ancestor: TypeAt): Descent | undefined {
  const methods = new Set<Method>();
  const passed: Definition[] = [];
  const goal = definitionOf(components, ancestor);
  let at = from;
  for (let steps = 0; steps <= components.type.size + 2; steps++) {
    const definition = definitionOf(components, at);
    if (definition === undefined ? isSameName(at, ancestor) : definition.node === goal?.node) {
      return { methods, between: passed.slice(1), unwritten: false };
    }
    if (definition === undefined) {
      if (!derivesUnwritten(at, ancestor)) break;
      return { methods, between: passed.slice(1), unwritten: true };
    }
    passed.push(definition);
    const { base, method } = derivation(definition);
    methods.add(method);
    at = base;
  }
  return goal && intoMember(components, from, goal);
}

function isSameName(one: TypeAt, other: TypeAt): boolean {
  return !('node' in one) && !('node' in other) && nameKey(one) === nameKey(other);
}

/** Of two types of XML Schema itself. */
function derivesUnwritten(type: TypeAt, ancestor: TypeAt): boolean {
  if ('node' in type || 'node' in ancestor || ancestor.uri !== XSD) return false;
  if (ancestor.local === 'anyType') return true;
  if (ancestor.local === 'anySimpleType') return type.local !== 'anyType';
  return isBuiltIn(type.local) && derivesFrom(type.local, ancestor.local);
}

/** What a union's members take in is derived from the union as well. */
function intoMember(components: XsdComponents, from: TypeAt, { node, scope }: Definition): Descent | undefined {
  const union = node.name === 'simpleType' ? childOf(node, 'union') : undefined;
  if (union === undefined) return undefined;
  const at = { node: union, scope };
  const named = (union.attributes.get('memberTypes') ?? '').split(/\s+/u).filter((text) => text !== '');
  const members = [
    ...named.map((text) => expand(at, text)),
    ...schemaChildren(union).map((child) => ({ node: child, scope })),
  ];
  for (const member of members) {
    const found = descent(components, from, member);
    if (found !== undefined) return { ...found, unwritten: true };
  }
  return undefined;
}

/** What a type is derived from, and how. */
function derivation({ node, scope }: Definition): { base: TypeAt; method: Method } {
  const isSimple = node.name === 'simpleType';
  const content = isSimple ? node : childOf(node, 'simpleContent', 'complexContent');
  const step = content && childOf(content, 'extension', 'restriction');
  const inner = isSimple && step !== undefined ? childOf(step, 'simpleType') : undefined;
  const base = step && (reference({ node: step, scope }, 'base') ?? (inner && { node: inner, scope }));
  const method = step?.name === 'extension' ? 'extension' : 'restriction';
  return { base: base ?? { uri: XSD, local: isSimple ? 'anySimpleType' : 'anyType' }, method };
}

/** What the block attribute of an element or a type says, or that of its document for all of them. */
export function blocked({ node, scope }: Definition): ReadonlySet<string> {
  const block = (node.attributes.get('block') ?? scope.block).trim();
  return new Set(block === '#all' ? ['extension', 'restriction', 'substitution'] : block.split(/\s+/u));
}

/** What may not lie between an element's type and one that stands in for it: the element says so, or its type. */
export function blockedBy(components: XsdComponents, declaration: Definition): ReadonlySet<string> {
  const type = definitionOf(components, declaredType(components, declaration));
  const own = blocked(declaration);
  return type?.node.name === 'complexType' ? new Set([...own, ...blocked(type)]) : own;
}
