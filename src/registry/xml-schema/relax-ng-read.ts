import type { Pools } from './content-model.js';
import { SCHEMA_URL } from './imports.js';
import type { NameClass, QualifiedName } from './name-class.js';
import { CannotCompare, type SchemaNode, type XmlSchemaSet, importedDocument, readSchemaTree } from './schema-tree.js';
import { type SimpleType, primitiveOf, takesAnyText } from './simple-types.js';
import { normalised } from './simple-values.js';
import { builtInType, withFacets } from './xsd-simple.js';

/** A pattern after the simplification of RELAX NG §4, as far as a comparison needs it. */
export type Pattern =
  | { readonly kind: 'empty' | 'text' | 'notAllowed' }
  | { readonly kind: 'choice' | 'group' | 'interleave'; readonly of: readonly Pattern[] }
  | { readonly kind: 'oneOrMore' | 'list'; readonly of: Pattern }
  | { readonly kind: 'attribute'; readonly names: NameClass; readonly of: Pattern }
  | { readonly kind: 'element'; readonly names: NameClass; readonly of: () => Pattern }
  | { readonly kind: 'value'; readonly type: SimpleType };

const RELAX_NG = 'http://relaxng.org/ns/structure/1.0';
const XSD_DATATYPES = 'http://www.w3.org/2001/XMLSchema-datatypes';
const EMPTY: Pattern = { kind: 'empty' };

interface Grammar {
  readonly parent: Grammar | undefined;
  /** What is written under each name, and how that is combined; the start has the empty name. */
  readonly parts: Map<string, { readonly nodes: Place[]; combine: 'choice' | 'interleave' }>;
  readonly known: Map<string, Pattern>;
  readonly open: Set<string>;
}

/** A node and what it inherits: where its document is, its namespace, the library of its datatypes, its grammar. */
interface Place {
  readonly node: SchemaNode;
  readonly url: string;
  readonly uri: string;
  readonly library: string;
  readonly grammar: Grammar | undefined;
}

interface Reading {
  readonly set: XmlSchemaSet;
  readonly pools: Pools;
  /** An element is one pattern however often it is referred to. */
  readonly elements: Map<SchemaNode, Pattern>;
  /** Something in it must be the ID of something else. */
  hasReferences: boolean;
  depth: number;
}

/** Documents that refer to themselves would never end. */
const MAX_DOCUMENTS = 100;

/** Reads a schema in the XML syntax with all that it refers to. What is in elements is read when it is asked for. */
export function readRelaxNg(set: XmlSchemaSet, pools: Pools): { start: Pattern; hasReferences: () => boolean } {
  const reading: Reading = { set, pools, elements: new Map(), hasReferences: false, depth: 0 };
  const outermost = { url: SCHEMA_URL, uri: '', library: '', grammar: undefined };
  const start = patternAt(reading, within(outermost, readSchemaTree(set.schema)));
  return { start, hasReferences: () => reading.hasReferences };
}

function within(outer: Omit<Place, 'node'>, node: SchemaNode): Place {
  const { attributes } = node;
  return {
    node,
    url: outer.url,
    uri: attributes.get('ns') ?? outer.uri,
    library: attributes.get('datatypeLibrary') ?? outer.library,
    grammar: outer.grammar,
  };
}

function childrenOf(place: Place): Place[] {
  return place.node.children.filter(({ uri }) => uri === RELAX_NG).map((child) => within(place, child));
}

function grouped(
  reading: Reading,
  places: readonly Place[],
  kind: 'group' | 'choice' | 'interleave' = 'group',
): Pattern {
  const of = places.map((place) => patternAt(reading, place));
  return of.length === 1 && of[0] !== undefined ? of[0] : { kind, of };
}

function patternAt(reading: Reading, place: Place): Pattern {
  const children = (): Pattern => grouped(reading, childrenOf(place));
  const { node } = place;
  switch (node.name) {
    case 'empty':
    case 'text':
    case 'notAllowed':
      return { kind: node.name };
    case 'group':
      return children();
    case 'choice':
    case 'interleave':
      return grouped(reading, childrenOf(place), node.name);
    case 'optional':
      return { kind: 'choice', of: [children(), EMPTY] };
    case 'oneOrMore':
      return { kind: 'oneOrMore', of: children() };
    case 'zeroOrMore':
      return { kind: 'choice', of: [{ kind: 'oneOrMore', of: children() }, EMPTY] };
    case 'mixed':
      return { kind: 'interleave', of: [{ kind: 'text' }, children()] };
    case 'list':
      return { kind: 'list', of: children() };
    case 'element':
      return element(reading, place);
    case 'attribute': {
      const [names, content] = named(place);
      const of: Pattern = content.length === 0 ? { kind: 'text' } : grouped(reading, content);
      return { kind: 'attribute', names, of };
    }
    case 'data':
    case 'value':
      return { kind: 'value', type: datatype(reading, place) };
    case 'ref':
      return referred(reading, place.grammar, nameAt(node));
    case 'parentRef':
      return referred(reading, place.grammar?.parent, nameAt(node));
    case 'externalRef':
      return patternAt(reading, imported(reading, place, place.grammar));
    case 'grammar':
      return grammarAt(reading, place);
    default:
      throw new CannotCompare(`<${node.name}> is not a pattern of RELAX NG`);
  }
}

function nameAt(node: SchemaNode): string {
  return (node.attributes.get('name') ?? '').trim();
}

function element(reading: Reading, place: Place): Pattern {
  const known = reading.elements.get(place.node);
  if (known !== undefined) return known;
  const [names, content] = named(place);
  let inner: Pattern | undefined;
  const made: Pattern = { kind: 'element', names, of: () => (inner ??= grouped(reading, content)) };
  reading.elements.set(place.node, made);
  return made;
}

/** The name class of an element or attribute, and what follows it. */
function named(place: Place): [NameClass, Place[]] {
  const written = place.node.attributes.get('name');
  const children = childrenOf(place);
  if (written === undefined) {
    const [first, ...content] = children;
    if (first === undefined) throw new CannotCompare('an element or attribute has no name');
    return [nameClass(first), content];
  }
  // §4.8: the name of an attribute is in no namespace unless it says so itself.
  const uri = place.node.name === 'attribute' ? (place.node.attributes.get('ns') ?? '') : place.uri;
  return [{ kind: 'name', name: qualified(place.node, written, uri) }, children];
}

function qualified(node: SchemaNode, text: string, uri: string): QualifiedName {
  const [prefix = '', local] = text.trim().split(':');
  return local === undefined ? { uri, local: prefix } : { uri: node.prefixes.get(prefix) ?? '', local };
}

function nameClass(place: Place): NameClass {
  const { node, uri } = place;
  if (node.name === 'name') return { kind: 'name', name: qualified(node, node.text, uri) };
  const children = childrenOf(place);
  if (node.name === 'choice') return { kind: 'either', of: children.map(nameClass) };
  const all: NameClass = node.name === 'nsName' ? { kind: 'namespace', uri } : { kind: 'any' };
  const except = children.flatMap((child) => childrenOf(child).map(nameClass));
  return except.length === 0 ? all : { kind: 'both', of: [all, { kind: 'not', of: { kind: 'either', of: except } }] };
}

function datatype(reading: Reading, place: Place): SimpleType {
  const { node, library } = place;
  const written = node.attributes.get('type');
  // A value without a type is a token of the built-in library (§4.4).
  const ofXsd = library === XSD_DATATYPES && written !== undefined;
  if (!ofXsd && library !== '' && written !== undefined) {
    throw new CannotCompare(`the datatype library "${library}" is not known`);
  }
  const base = builtInType(reading.pools, written?.trim() ?? 'token');
  if (written?.trim().startsWith('IDREF') === true) reading.hasReferences = true;
  if (base.kind === 'atomic' && ['QName', 'NOTATION'].includes(base.base) && node.name === 'value') {
    throw new CannotCompare('it lists qualified names as values');
  }
  if (node.name === 'value') {
    const value = base.kind === 'atomic' && base.base === 'string' ? node.text : normalised(node.text, 'collapse');
    // libxml2 looks at whether a value is one of its type unless it is empty.
    if (value === '' && !takesAnyText(base)) throw new CannotCompare('it has an empty value of a type that has none');
    return withFacets(base, [['enumeration', value]]);
  }
  const children = childrenOf(place);
  let type = base;
  // Each pattern of its own: all of them must match.
  for (const { node: param } of children.filter((child) => child.node.name === 'param')) {
    const name = nameAt(param);
    if (!appliesTo(name, base)) throw new CannotCompare(`it has the parameter "${name}" on xs:${written ?? ''}`);
    type = withFacets(type, [[name, param.text]]);
  }
  const excepted = children.find((child) => child.node.name === 'except');
  if (excepted === undefined) return type;
  const except = childrenOf(excepted).flatMap((child) => valuesOf(patternAt(reading, child)));
  if (!except.every((value) => mayBeExcepted(value, type))) {
    throw new CannotCompare('it excepts what libxml2 refuses everything for');
  }
  return { kind: 'except', of: type, except: { kind: 'union', of: except, facets: {} } };
}

const WITH_LENGTH = ['string', 'anyURI', 'hexBinary', 'base64Binary'];

/** Parameters that libxml2 treats as XML Schema does (Part 2 §4.1.5); of others it takes no notice, or refuses all. */
function appliesTo(param: string, type: SimpleType): boolean {
  if (type.kind !== 'atomic') return false;
  const primitive = primitiveOf(type.base);
  if (param === 'pattern') return true;
  if (/length$/iu.test(param)) return WITH_LENGTH.includes(primitive);
  if (/Digits$/u.test(param)) return primitive === 'decimal';
  return /^(?:min|max)(?:In|Ex)clusive$/u.test(param) && ![...WITH_LENGTH, 'boolean'].includes(primitive);
}

function valuesOf(pattern: Pattern): readonly SimpleType[] {
  if (pattern.kind === 'value') return [pattern.type];
  if (pattern.kind === 'choice') return pattern.of.flatMap(valuesOf);
  throw new CannotCompare('values are excepted in a way that is not known');
}

/** Tokens may, and values of the same type, but neither texts with their spaces nor whole types. */
function mayBeExcepted(value: SimpleType, from: SimpleType): boolean {
  if (value.kind !== 'atomic' || from.kind !== 'atomic' || value.facets.enumeration === undefined) return false;
  return value.base === 'token' || (value.base === from.base && value.base !== 'string');
}

function imported(reading: Reading, place: Place, grammar: Grammar | undefined): Place {
  if (++reading.depth > MAX_DOCUMENTS) throw new CannotCompare('its documents refer to each other without end');
  const { url, node } = importedDocument(reading.set, place.node.attributes.get('href') ?? '', place.url);
  return within({ url, uri: place.uri, library: '', grammar }, node);
}

function grammarAt(reading: Reading, place: Place): Pattern {
  const grammar: Grammar = { parent: place.grammar, parts: new Map(), known: new Map(), open: new Set() };
  collect(reading, { ...place, grammar }, grammar, new Set());
  return referred(reading, grammar, '');
}

/** §4.17 and §4.7: what a grammar defines; an include's own definitions take the place of those it includes. */
function collect(reading: Reading, place: Place, grammar: Grammar, replaced: ReadonlySet<string>): void {
  for (const child of childrenOf(place)) {
    const { name } = child.node;
    if (name === 'div') collect(reading, child, grammar, replaced);
    else if (name === 'include') {
      const own = new Set([...replaced, ...definedIn(child)]);
      collect(reading, imported(reading, child, grammar), grammar, own);
      collect(reading, child, grammar, replaced);
    } else if (name === 'start' || name === 'define') {
      const key = name === 'start' ? '' : nameAt(child.node);
      if (replaced.has(key)) continue;
      const part = grammar.parts.get(key) ?? { nodes: [], combine: 'choice' as const };
      if (child.node.attributes.get('combine')?.trim() === 'interleave') part.combine = 'interleave';
      part.nodes.push(child);
      grammar.parts.set(key, part);
    }
  }
}

function definedIn(place: Place): string[] {
  return childrenOf(place).flatMap((child) => {
    if (child.node.name === 'div') return definedIn(child);
    if (child.node.name === 'start') return [''];
    return child.node.name === 'define' ? [nameAt(child.node)] : [];
  });
}

function referred(reading: Reading, grammar: Grammar | undefined, name: string): Pattern {
  const part = grammar?.parts.get(name);
  if (grammar === undefined || part === undefined) throw new CannotCompare(`"${name}" is not defined`);
  const known = grammar.known.get(name);
  if (known !== undefined) return known;
  if (grammar.open.has(name)) throw new CannotCompare(`"${name}" refers to itself outside of elements`);
  grammar.open.add(name);
  const of = part.nodes.map((place) => grouped(reading, childrenOf(place)));
  const pattern: Pattern = of.length === 1 && of[0] !== undefined ? of[0] : { kind: part.combine, of };
  grammar.open.delete(name);
  grammar.known.set(name, pattern);
  return pattern;
}
