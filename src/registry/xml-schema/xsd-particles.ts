import type { Content, ElementRule, Particle, Shape } from './content-model.js';
import { type Expression, choice, empty, interleave, repeat, sequence, symbol } from './expression.js';
import { type QualifiedName, nameKey } from './name-class.js';
import type { SchemaNode } from './schema-tree.js';
import { type AttributeUses, wildcardOf } from './xsd-attributes.js';
import { type Definition, XSD, expand, find, reference, schemaChildren } from './xsd-read.js';
import type { SimpleTypes } from './xsd-simple.js';

/** What types and elements are read with. What was made is kept by where it is written. */
export interface XsdTypes extends SimpleTypes {
  readonly shapes: Map<SchemaNode | string, Shape>;
  readonly complex: Map<SchemaNode, ComplexType>;
  readonly particles: Map<SchemaNode, Particle>;
  readonly groups: Map<SchemaNode, Expression<Particle>>;
  readonly members: Map<string, QualifiedName[]>;
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
  const found = new Map<string, QualifiedName>();
  const waiting = [head];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(nameKey(name))) continue;
    found.set(nameKey(name), name);
    const { node, scope } = find(types.components, 'element', name);
    const block = node.attributes.get('block') ?? scope.block;
    if (!/#all|substitution/u.test(block)) waiting.push(...membersOf(types, name));
  }
  return [...found.values()].filter(
    (name) => !isTrue(find(types.components, 'element', name).node.attributes.get('abstract')),
  );
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
