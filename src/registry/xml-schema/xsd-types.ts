import { type Content, type ElementRule, type Particle, type Shape, TEXT } from './content-model.js';
import { empty, interleave, repeat, sequence, symbol, symbolsOf } from './expression.js';
import { type QualifiedName, nameKey } from './name-class.js';
import { CannotCompare, type SchemaNode } from './schema-tree.js';
import { ANY_TEXT } from './simple-types.js';
import { type AttributeUses, attributeRules, attributeUses, extendedUses, restrictedUses } from './xsd-attributes.js';
import { type ComplexType, type XsdTypes, globalElement, groupExpression, isTrue } from './xsd-particles.js';
import { constraintsOf } from './xsd-constraints.js';
import { type Method, type TypeAt, blockedBy, declaredType, definitionOf, descent } from './xsd-derivation.js';
import { type Definition, XSD, childOf, find, reference } from './xsd-read.js';
import { namedSimpleType, restricted, simpleType } from './xsd-simple.js';

/** What an element declaration demands. */
export function elementRule(types: XsdTypes, declaration: Definition): ElementRule {
  const { attributes } = declaration.node;
  const at = declaredType(types.components, declaration);
  return {
    nillable: isTrue(attributes.get('nillable')),
    fixed: attributes.get('fixed'),
    default: attributes.get('default'),
    shape: () => shapeOf(types, at),
    derived: once(() => derivedTypes(types, at, blockedBy(types.components, declaration))),
    constraints: constraintsOf(types.components, types.keys, declaration),
  };
}

function shapeOf(types: XsdTypes, at: TypeAt): Shape {
  if ('node' in at) return definedShape(types, at);
  if (at.uri !== XSD) return definedShape(types, find(types.components, 'type', at));
  const known = types.shapes.get(at.local);
  if (known !== undefined) return known;
  const shape: Shape = at.local === 'anyType' ? anyType(types) : simpleShape(() => namedSimpleType(types, at));
  types.shapes.set(at.local, shape);
  return shape;
}

function definedShape(types: XsdTypes, at: Definition): Shape {
  const known = types.shapes.get(at.node);
  if (known !== undefined) return known;
  const shape = at.node.name === 'simpleType' ? simpleShape(() => simpleType(types, at)) : complexShape(types, at);
  types.shapes.set(at.node, shape);
  return shape;
}

function simpleShape(type: () => ReturnType<typeof simpleType>): Shape {
  return { abstract: false, alternatives: once(() => [{ attributes: [], content: { kind: 'simple', type: type() } }]) };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function complexShape(types: XsdTypes, at: Definition): Shape {
  return {
    abstract: isTrue(at.node.attributes.get('abstract')),
    alternatives: once(() => {
      const { content, uses } = complexType(types, at);
      if (content.kind === 'children') demandOneTypeEach(content.expression);
      return [{ attributes: attributeRules(types, uses), content }];
    }),
  };
}

/** Part 1 §3.8.6, Element Declarations Consistent: libxml2 takes any of the types where there is more than one. */
function demandOneTypeEach(expression: ReturnType<typeof groupExpression>): void {
  const shapes = new Map<string, Shape>();
  for (const particle of symbolsOf(expression)) {
    if (particle.kind !== 'element' || particle.names.kind !== 'name') continue;
    const { name } = particle.names;
    const shape = particle.rule(name)?.shape();
    const before = shapes.get(nameKey(name)) ?? shape;
    if (shape === undefined || before === undefined) continue;
    if (shape !== before) throw new CannotCompare(`the element "${name.local}" has two types in one content`);
    shapes.set(nameKey(name), shape);
  }
}

/** Whatever is well-formed, save that what is declared must be as declared (Part 1 §3.4.7). */
function anyType(types: XsdTypes): Shape {
  return {
    abstract: false,
    alternatives: () => [{ attributes: attributeRules(types, ANY.uses), content: anyContent(types) }],
  };
}

const ANY: { uses: AttributeUses } = {
  uses: { named: new Map(), wildcard: { names: { kind: 'any' }, process: 'lax' } },
};

function anyContent(types: XsdTypes): Content {
  return { kind: 'children', expression: mixedWith(types, anyElements(types)) };
}

function anyElements(types: XsdTypes): ReturnType<typeof groupExpression> {
  const pool = types.pools.particles;
  return repeat(pool, symbol(pool, anyParticle(types)), 0, Infinity);
}

function anyParticle(types: XsdTypes): Particle {
  const rule = (name: QualifiedName): ElementRule => {
    const declared = types.components.element.has(nameKey(name)) ? globalElement(types, name) : undefined;
    return declared?.kind === 'element' ? (declared.rule(name) ?? anyElement(types)) : anyElement(types);
  };
  return { kind: 'element', names: { kind: 'any' }, rule };
}

/** What a lax wildcard makes of an element that is not declared. */
export function anyElement(types: XsdTypes): ElementRule {
  const shape = (): Shape => shapeOf(types, { uri: XSD, local: 'anyType' });
  return { nillable: true, fixed: undefined, default: undefined, shape, derived: () => new Map(), constraints: [] };
}

function mixedWith(types: XsdTypes, content: ReturnType<typeof groupExpression>): ReturnType<typeof groupExpression> {
  const pool = types.pools.particles;
  return interleave(pool, [repeat(pool, symbol<Particle>(pool, TEXT), 0, Infinity), content]);
}

function complexType(types: XsdTypes, at: Definition): ComplexType {
  const known = types.complex.get(at.node);
  if (known !== undefined) return known;
  const type = readComplexType(types, at);
  types.complex.set(at.node, type);
  return type;
}

function readComplexType(types: XsdTypes, { node, scope }: Definition): ComplexType {
  const inner = childOf(node, 'simpleContent', 'complexContent');
  const mixed = isTrue(inner?.attributes.get('mixed') ?? node.attributes.get('mixed'));
  const derivation = inner && childOf(inner, 'extension', 'restriction');
  if (derivation === undefined) return ownType(types, { node, scope }, mixed);
  const at = { node: derivation, scope };
  const extends_ = derivation.name === 'extension';
  const baseName = reference(at, 'base');
  if (baseName === undefined) throw new CannotCompare('a complex type is derived from nothing');
  const base = baseType(types, baseName);
  const own = ownType(types, at, mixed);
  const uses = extends_ ? extendedUses(base.uses, own.uses) : restrictedUses(base.uses, own.uses);
  if (inner?.name === 'simpleContent') {
    if (extends_) return { content: base.content, uses };
    const narrower = childOf(derivation, 'simpleType');
    const from = narrower === undefined ? simpleOf(base.content) : simpleType(types, { node: narrower, scope });
    return { content: { kind: 'simple', type: restricted(at, from) }, uses };
  }
  if (!extends_ || base.content.kind !== 'children' || own.content.kind !== 'children') {
    return { content: own.content, uses };
  }
  if (!hasParticle(derivation)) {
    // A mixed extension of what is empty holds text, although it adds no elements.
    const isMixedNow = mixed && base.content.expression.kind === 'empty';
    return { content: isMixedNow ? own.content : base.content, uses };
  }
  // Both are mixed or neither is; text may stand anywhere in the whole.
  const parts = mixed ? unmixed(types, baseName, derivation, scope) : [base.content.expression, own.content.expression];
  const content = sequence(types.pools.particles, parts);
  return { content: { kind: 'children', expression: mixed ? mixedWith(types, content) : content }, uses };
}

function unmixed(
  types: XsdTypes,
  base: QualifiedName,
  node: SchemaNode,
  scope: Definition['scope'],
): ReturnType<typeof groupExpression>[] {
  const own = groupExpression(types, { node, scope });
  if (base.uri === XSD) return [anyElements(types), own];
  const definition = find(types.components, 'type', base);
  const inner = childOf(definition.node, 'complexContent');
  const derivation = inner && childOf(inner, 'extension', 'restriction');
  if (derivation === undefined) return [groupExpression(types, definition), own];
  const name = reference({ node: derivation, scope: definition.scope }, 'base');
  if (derivation.name === 'extension' && name !== undefined) {
    return [...unmixed(types, name, derivation, definition.scope), own];
  }
  return [groupExpression(types, { node: derivation, scope: definition.scope }), own];
}

function hasParticle(node: SchemaNode): boolean {
  return childOf(node, 'sequence', 'choice', 'all', 'group') !== undefined;
}

function ownType(types: XsdTypes, at: Definition, mixed: boolean): ComplexType {
  const particles = hasParticle(at.node) ? groupExpression(types, at) : empty(types.pools.particles);
  const expression = mixed ? mixedWith(types, particles) : particles;
  return { content: { kind: 'children', expression }, uses: attributeUses(types, at) };
}

function baseType(types: XsdTypes, name: QualifiedName): ComplexType {
  if (name.uri === XSD && name.local === 'anyType') return { content: anyContent(types), uses: ANY.uses };
  const noAttributes: AttributeUses = { named: new Map(), wildcard: undefined };
  if (name.uri === XSD) return { content: { kind: 'simple', type: namedSimpleType(types, name) }, uses: noAttributes };
  const definition = find(types.components, 'type', name);
  if (definition.node.name === 'complexType') return complexType(types, definition);
  return { content: { kind: 'simple', type: simpleType(types, definition) }, uses: noAttributes };
}

function simpleOf(content: Content): ReturnType<typeof simpleType> {
  return content.kind === 'simple' ? content.type : ANY_TEXT;
}

/**
 * The complex types that may stand in for the declared one by xsi:type. That it may name the declared type itself, a
 * simple type, or any type there is for xs:anyType, is left aside: then no type could be renamed.
 */
function derivedTypes(types: XsdTypes, declared: TypeAt, blocks: ReadonlySet<string>): ReadonlyMap<string, Shape> {
  const isAny = !('node' in declared) && declared.uri === XSD && declared.local === 'anyType';
  if (isAny || ('node' in declared && declared.node.name === 'complexType')) return NONE;
  const key = 'node' in declared ? declared.node : nameKey(declared);
  const known = types.derived.get(key) ?? new Map<string, ReadonlyMap<string, Shape>>();
  types.derived.set(key, known);
  const how = METHODS.filter((method) => blocks.has(method));
  const found = known.get(how.join(' ')) ?? freshDerivedTypes(types, declared, how);
  known.set(how.join(' '), found);
  return found;
}

const NONE: ReadonlyMap<string, Shape> = new Map();
const METHODS = ['extension', 'restriction'] as const;

function freshDerivedTypes(types: XsdTypes, declared: TypeAt, blocks: readonly Method[]): ReadonlyMap<string, Shape> {
  const own = definitionOf(types.components, declared)?.node;
  const derived = new Map<string, Shape>();
  for (const [key, definition] of types.components.type) {
    if (definition.node === own || definition.node.name !== 'complexType') continue;
    const way = descent(types.components, definition, declared);
    if (way === undefined || blocks.some((method) => way.methods.has(method))) continue;
    if (way.unwritten && blocks.includes('restriction')) continue;
    derived.set(key, definedShape(types, definition));
  }
  return derived;
}
