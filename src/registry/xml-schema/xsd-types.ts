import { type Content, type ElementRule, type Particle, type Shape, TEXT } from './content-model.js';
import { empty, interleave, repeat, sequence, symbol } from './expression.js';
import { type QualifiedName, nameKey } from './name-class.js';
import { CannotCompare, type SchemaNode } from './schema-tree.js';
import { ANY_TEXT } from './simple-types.js';
import { type AttributeUses, attributeRules, attributeUses, extendedUses, restrictedUses } from './xsd-attributes.js';
import { type ComplexType, type XsdTypes, globalElement, groupExpression, isTrue } from './xsd-particles.js';
import { type Definition, XSD, childOf, find, reference } from './xsd-read.js';
import { namedSimpleType, restricted, simpleType } from './xsd-simple.js';

/** A declared type: a name, or the node of a type without one. */
type TypeAt = QualifiedName | Definition;

/** What an element declaration demands. */
export function elementRule(types: XsdTypes, declaration: Definition): ElementRule {
  const { attributes } = declaration.node;
  const at = declaredType(types, declaration);
  return {
    nillable: isTrue(attributes.get('nillable')),
    fixed: attributes.get('fixed'),
    default: attributes.get('default'),
    shape: () => shapeOf(types, at),
    derived: () => derivedTypes(types, at, attributes.get('block') ?? declaration.scope.block),
    constraints: constraintsOf(declaration.node),
  };
}

/** Its own type, or that of the head of its substitution group (Part 1 §3.3.2). */
function declaredType(types: XsdTypes, declaration: Definition): TypeAt {
  const name = reference(declaration, 'type');
  if (name !== undefined) return name;
  const inner = childOf(declaration.node, 'simpleType', 'complexType');
  if (inner !== undefined) return { node: inner, scope: declaration.scope };
  const head = reference(declaration, 'substitutionGroup');
  if (head !== undefined) return declaredType(types, find(types.components, 'element', head));
  return { uri: XSD, local: 'anyType' };
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
      return [{ attributes: attributeRules(types, uses), content }];
    }),
  };
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
  const pool = types.pools.particles;
  const element = symbol(pool, anyParticle(types));
  return { kind: 'children', expression: mixedWith(types, repeat(pool, element, 0, Infinity)) };
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
  if (!hasParticle(derivation)) return { content: base.content, uses };
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
  if (base.uri === XSD) return [own];
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
function derivedTypes(types: XsdTypes, declared: TypeAt, block: string): ReadonlyMap<string, Shape> {
  const derived = new Map<string, Shape>();
  if ('node' in declared || declared.uri === XSD) return derived;
  for (const [key, definition] of types.components.type) {
    if (key !== nameKey(declared) && derivesBy(types, definition, declared, block)) {
      derived.set(key, definedShape(types, definition));
    }
  }
  return derived;
}

/** Is it derived from the type in no way that is blocked? */
function derivesBy(types: XsdTypes, from: Definition, ancestor: QualifiedName, block: string): boolean {
  const blocked = new Set(block === '#all' ? ['extension', 'restriction'] : block.split(/\s+/u));
  for (let at = from, seen = 0; at.node.name === 'complexType' && seen < types.components.type.size; seen++) {
    if (nameKey({ uri: at.scope.targetNamespace, local: at.node.attributes.get('name') ?? '' }) === nameKey(ancestor)) {
      return true;
    }
    const inner = childOf(at.node, 'simpleContent', 'complexContent');
    const derivation = inner && childOf(inner, 'extension', 'restriction');
    const base = derivation && reference({ node: derivation, scope: at.scope }, 'base');
    if (base === undefined || base.uri === XSD || blocked.has(derivation?.name ?? '')) return false;
    at = find(types.components, 'type', base);
  }
  return false;
}

/** Identity constraints by what they say, their own names aside (Part 1 §3.11.2). */
function constraintsOf(node: SchemaNode): string[] {
  return node.children
    .filter(({ uri, name }) => uri === XSD && ['key', 'keyref', 'unique'].includes(name))
    .map((constraint) => {
      const paths = constraint.children.map(({ attributes, prefixes }) =>
        (attributes.get('xpath') ?? '').replace(/([\w.-]+):(?!:)/gu, (whole, prefix: string) => {
          const uri = prefixes.get(prefix);
          return uri === undefined ? whole : `{${uri}}`;
        }),
      );
      const refer = constraint.attributes.get('refer')?.replace(/^.*:/u, '');
      return [constraint.name, ...paths, ...(refer === undefined ? [] : [refer])].join(' | ');
    });
}
