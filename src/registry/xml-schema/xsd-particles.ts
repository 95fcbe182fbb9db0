import type { Content, ElementRule, Particle, Shape } from './content-model.js';
import { type Expression, choice, empty, interleave, repeat, sequence, symbol } from './expression.js';
import { type QualifiedName, nameKey } from './name-class.js';
import { CannotCompare, type SchemaNode } from './schema-tree.js';
import { type AttributeUses, wildcardOf } from './xsd-attributes.js';
import type { Keys } from './xsd-constraints.js';
import {
  type Descent,
  type TypeAt,
  blocked,
  blockedBy,
  declaredType,
  definitionOf,
  descent,
} from './xsd-derivation.js';
import { type Definition, XSD, expand, find, reference, schemaChildren } from './xsd-read.js';
import type { SimpleTypes } from './xsd-simple.js';

/** What types and elements are read with. What was made is kept by where it is written. */
export interface XsdTypes extends SimpleTypes {
  readonly shapes: Map<SchemaNode | string, Shape>;
  readonly complex: Map<SchemaNode, ComplexType>;
  readonly particles: Map<SchemaNode, Particle>;
  readonly groups: Map<SchemaNode, Expression<Particle>>;
  readonly members: Map<string, QualifiedName[]>;
  /** The types derived from a type, by where that is written or its name, and by what is blocked. */
  readonly derived: Map<SchemaNode | string, Map<string, ReadonlyMap<string, Shape>>>;
  readonly keys: Keys;
  /** What an element declaration demands. */
  readonly ruleOf: (types: XsdTypes, declaration: Definition) => ElementRule;
  /** What a lax wildcard makes of an element that is not declared. */
  readonly ruleOfUndeclared: (types: XsdTypes) => ElementRule;
}

export interface ComplexType {
  readonly content: Content;
  readonly uses: AttributeUses;
}

/** An xs:boolean. */
export function isTrue(text: string | undefined): boolean {
  return text?.trim() === 'true' || text?.trim() === '1';
}

const PARTICLES = ['element', 'sequence', 'choice', 'all', 'group', 'any'];

/** What the particle in a complex type, an extension or a restriction allows (Part 1 §3.8). */
export function groupExpression(types: XsdTypes, { node, scope }: Definition): Expression<Particle> {
  const inner = schemaChildren(node).find(({ name }) => PARTICLES.includes(name));
  return inner === undefined ? empty(types.pools.particles) : particle(types, { node: inner, scope });
}

function particle(types: XsdTypes, at: Definition): Expression<Particle> {
  const { attributes } = at.node;
  const min = Number(attributes.get('minOccurs') ?? 1);
  const max = attributes.get('maxOccurs') ?? '1';
  return repeat(types.pools.particles, term(types, at), min, max === 'unbounded' ? Infinity : Number(max));
}

function term(types: XsdTypes, at: Definition): Expression<Particle> {
  const { node, scope } = at;
  const pool = types.pools.particles;
  if (node.name === 'element') return elementTerm(types, at);
  if (node.name === 'any') return symbol(pool, anyTerm(types, at));
  if (node.name === 'group') {
    const ref = reference(at, 'ref');
    return ref === undefined ? empty(pool) : namedGroup(types, find(types.components, 'group', ref));
  }
  const parts = schemaChildren(node)
    .filter(({ name }) => PARTICLES.includes(name))
    .map((child) => particle(types, { node: child, scope }));
  if (node.name === 'choice') return choice(pool, parts);
  return node.name === 'all' ? interleave(pool, parts) : sequence(pool, parts);
}

function namedGroup(types: XsdTypes, definition: Definition): Expression<Particle> {
  const known = types.groups.get(definition.node);
  if (known !== undefined) return known;
  const made = groupExpression(types, definition);
  types.groups.set(definition.node, made);
  return made;
}

function elementTerm(types: XsdTypes, at: Definition): Expression<Particle> {
  const pool = types.pools.particles;
  const ref = reference(at, 'ref');
  if (ref === undefined) return symbol(pool, localElement(types, at));
  return choice(
    pool,
    substitutes(types, ref).map((name) => symbol(pool, globalElement(types, name))),
  );
}

function localElement(types: XsdTypes, at: Definition): Particle {
  const known = types.particles.get(at.node);
  if (known !== undefined) return known;
  const form = at.node.attributes.get('form');
  const qualified = form === undefined ? at.scope.qualifiedElements : form === 'qualified';
  const name = { uri: qualified ? at.scope.targetNamespace : '', local: at.node.attributes.get('name') ?? '' };
  const rule = types.ruleOf(types, at);
  const made: Particle = { kind: 'element', names: { kind: 'name', name }, rule: () => rule };
  types.particles.set(at.node, made);
  return made;
}

/** The particle that a reference to a global element is. */
export function globalElement(types: XsdTypes, name: QualifiedName): Particle {
  const definition = find(types.components, 'element', name);
  const known = types.particles.get(definition.node);
  if (known !== undefined) return known;
  const rule = types.ruleOf(types, definition);
  const made: Particle = { kind: 'element', names: { kind: 'name', name }, rule: () => rule };
  types.particles.set(definition.node, made);
  return made;
}

/** The elements that may stand where this one is referred to (Part 1 §3.3.6), the abstract ones left out. */
function substitutes(types: XsdTypes, head: QualifiedName): QualifiedName[] {
  const declaration = find(types.components, 'element', head);
  const found = new Map([[nameKey(head), head]]);
  const waiting = blocked(declaration).has('substitution') ? [] : [...membersOf(types, head)];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(nameKey(name))) continue;
    found.set(nameKey(name), name);
    waiting.push(...membersOf(types, name));
  }
  return [...found.values()].filter((name) => {
    const member = find(types.components, 'element', name);
    if (isTrue(member.node.attributes.get('abstract'))) return false;
    return member.node === declaration.node || mayStandFor(types, member, declaration);
  });
}

/** Is its type derived from that of the head in no way that is blocked, by the head, its type or a type between them? */
function mayStandFor({ components }: XsdTypes, member: Definition, head: Definition): boolean {
  const [type, ofHead] = [declaredType(components, member), declaredType(components, head)];
  const way = descent(components, type, ofHead);
  const blocks = new Set([
    ...blockedBy(components, head),
    ...(way?.between ?? []).flatMap((each) => [...blocked(each)]),
  ]);
  const blocksSome = blocks.has('extension') || blocks.has('restriction');
  if (blocksSome && (way === undefined || isUnionMember(components, ofHead, way))) {
    throw new CannotCompare('it blocks members of a substitution group that we cannot tell');
  }
  return [...(way?.methods ?? [])].every((method) => !blocks.has(method));
}

/** Steps between built-in types are not blocked; those from a member to its union may be. */
function isUnionMember(components: XsdTypes['components'], head: TypeAt, { unwritten }: Descent): boolean {
  return unwritten && definitionOf(components, head) !== undefined;
}

function membersOf(types: XsdTypes, head: QualifiedName): readonly QualifiedName[] {
  if (types.members.size === 0) {
    for (const definition of types.components.element.values()) {
      const text = definition.node.attributes.get('substitutionGroup');
      if (text === undefined) continue;
      const key = nameKey(expand(definition, text.trim()));
      const name = { uri: definition.scope.targetNamespace, local: definition.node.attributes.get('name') ?? '' };
      types.members.set(key, [...(types.members.get(key) ?? []), name]);
    }
  }
  return types.members.get(nameKey(head)) ?? [];
}

function anyTerm(types: XsdTypes, at: Definition): Particle {
  const known = types.particles.get(at.node);
  if (known !== undefined) return known;
  const { names, process } = wildcardOf(at);
  const rule = (name: QualifiedName): ElementRule | undefined => {
    if (process === 'skip') return UNSEEN;
    const declared = types.components.element.get(nameKey(name));
    if (declared !== undefined) {
      const global = globalElement(types, name);
      const abstract = isTrue(declared.node.attributes.get('abstract'));
      return global.kind === 'element' && !abstract ? global.rule(name) : undefined;
    }
    return process === 'strict' || name.uri === XSD ? undefined : types.ruleOfUndeclared(types);
  };
  const made: Particle = { kind: 'element', names, rule };
  types.particles.set(at.node, made);
  return made;
}

/** What a wildcard with processContents="skip" lets pass. */
const UNSEEN: ElementRule = {
  nillable: true,
  fixed: undefined,
  default: undefined,
  shape: () => UNSEEN_SHAPE,
  derived: () => new Map(),
  constraints: [],
};
const UNSEEN_SHAPE = { abstract: false, alternatives: () => 'anything' as const };
