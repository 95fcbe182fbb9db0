import type { Alternative, AttributeRule, ContentModel, ElementRule, Particle, Shape } from './content-model.js';
import { exampleValue } from './example-values.js';
import { type Expression, newExpressions } from './expression.js';
import { OTHER, type QualifiedName, hasName, listedNames, tellingNames } from './name-class.js';
import { relaxNgModel } from './relax-ng-model.js';
import { CannotCompare, type XmlSchemaSet } from './schema-tree.js';
import { xsdModel } from './xsd-model.js';

const MAX_CHARACTERS = 100_000;
const MAX_REPEATS = 100;
const XML = 'http://www.w3.org/XML/1998/namespace';
const XSI = 'http://www.w3.org/2001/XMLSchema-instance';

interface Writing {
  readonly model: ContentModel;
  /** The types that are being written: one that needs itself has no end. */
  readonly open: Set<Shape>;
  /** What was written for a type inside elements of a namespace. */
  readonly known: Map<Shape, Map<string, string | undefined>>;
}

/**
 * The text of a content that the schema is likely to accept: the first element that it declares, with what it requires.
 * Undefined when none was found. Patterns, keys and the like are met by chance, so the result must be validated.
 */
export function xmlExample(kind: 'xsd' | 'relax-ng', set: XmlSchemaSet): string | undefined {
  const pools = { particles: newExpressions<Particle>(), values: newExpressions<never>() };
  try {
    const model = kind === 'xsd' ? xsdModel(set, pools) : relaxNgModel(set, pools);
    return rowText({ model, open: new Set(), known: new Map() }, model.start, '');
  } catch (error) {
    if (error instanceof CannotCompare || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What the expression needs at least, as the text of elements. */
function rowText(writing: Writing, row: Expression<Particle>, uri: string): string | undefined {
  switch (row.kind) {
    case 'none':
      return undefined;
    case 'empty':
      return '';
    case 'symbol':
      return row.symbol.kind === 'text' ? '' : elementText(writing, row.symbol, uri);
    case 'sequence':
      return joined(writing, [row.first, row.rest], uri);
    case 'interleave':
      return joined(writing, row.of, uri);
    case 'choice':
      for (const part of row.of) {
        const text = rowText(writing, part, uri);
        if (text !== undefined) return text;
      }
      return undefined;
    case 'repeat': {
      if (row.of.kind === 'symbol' && row.of.symbol.kind === 'text') return '';
      if (row.min === 0) return '';
      const text = row.min > MAX_REPEATS ? undefined : rowText(writing, row.of, uri);
      return text === undefined ? undefined : bounded(text.repeat(row.min));
    }
  }
}

function joined(writing: Writing, parts: readonly Expression<Particle>[], uri: string): string | undefined {
  let whole = '';
  for (const part of parts) {
    const text = rowText(writing, part, uri);
    if (text === undefined) return undefined;
    whole += text;
  }
  return bounded(whole);
}

function bounded(text: string): string | undefined {
  return text.length > MAX_CHARACTERS ? undefined : text;
}

function elementText(writing: Writing, particle: Particle & { kind: 'element' }, uri: string): string | undefined {
  const { declaredElements } = writing.model;
  const names = listedNames(particle.names) ?? [...tellingNames([particle.names]), ...declaredElements];
  for (const name of names.filter((each) => hasName(particle.names, each))) {
    const rule = particle.rule(name);
    const inner = rule && contentText(writing, rule, name.uri === OTHER ? 'urn:example' : name.uri);
    if (inner === undefined) continue;
    const own = name.uri === OTHER ? 'urn:example' : name.uri;
    const declaration = own === uri ? '' : ` xmlns="${escapeXml(own)}"`;
    const local = name.local === OTHER ? 'any' : name.local;
    // What follows the name: attributes, and then the content from the first bracket on.
    return `<${local}${declaration}${inner === '' ? '/>' : `${inner}</${local}>`}`;
  }
  return undefined;
}

/** The attributes and the content, from behind the name to the end tag. */
function contentText(writing: Writing, rule: ElementRule, uri: string): string | undefined {
  const shape = rule.shape();
  if (!shape.abstract) return shapeText(writing, shape, uri, rule.fixed);
  for (const [name, derived] of rule.derived()) {
    const text = derived.abstract ? undefined : shapeText(writing, derived, uri, rule.fixed);
    if (text === undefined) continue;
    const [typeUri = '', local = ''] = name.slice(1).split('}');
    const prefix = typeUri === '' ? '' : 't:';
    const declaration = typeUri === '' ? '' : ` xmlns:t="${escapeXml(typeUri)}"`;
    // Without a prefix the type is looked up in the default namespace.
    if (typeUri === '' && uri !== '') continue;
    return `${declaration} xmlns:xsi="${XSI}" xsi:type="${prefix}${local}"${text === '' ? '>' : text}`;
  }
  return undefined;
}

function shapeText(writing: Writing, shape: Shape, uri: string, fixed: string | undefined): string | undefined {
  const known = writing.known.get(shape) ?? new Map<string, string | undefined>();
  writing.known.set(shape, known);
  if (fixed === undefined && known.has(uri)) return known.get(uri);
  if (writing.open.has(shape)) return undefined;
  writing.open.add(shape);
  const alternatives = shape.alternatives();
  let text: string | undefined = alternatives === 'anything' ? '' : undefined;
  for (const alternative of alternatives === 'anything' ? [] : alternatives) {
    text ??= alternativeText(writing, alternative, uri, fixed);
  }
  writing.open.delete(shape);
  if (fixed === undefined && (text !== undefined || writing.open.size === 0)) known.set(uri, text);
  return text;
}

function alternativeText(
  writing: Writing,
  { attributes, content }: Alternative,
  uri: string,
  fixed: string | undefined,
): string | undefined {
  const written = attributes.filter(({ required }) => required).map(attributeText);
  if (!written.every((text) => text !== undefined)) return undefined;
  const value = content.kind === 'simple' ? (fixed ?? exampleValue(content.type)) : undefined;
  const inner =
    content.kind === 'children' ? childrenText(writing, content.expression, uri) : value && escapeXml(value);
  if (inner === undefined) return undefined;
  return written.length === 0 && inner === '' ? '' : `${written.join('')}>${inner}`;
}

/** Where there is only text, some text. */
function childrenText(writing: Writing, expression: Expression<Particle>, uri: string): string | undefined {
  const onlyText =
    expression.kind === 'repeat' && expression.of.kind === 'symbol' && expression.of.symbol.kind === 'text';
  return onlyText ? 'text' : rowText(writing, expression, uri);
}

function attributeText(rule: AttributeRule, index: number): string | undefined {
  const names: readonly QualifiedName[] =
    listedNames(rule.names) ?? tellingNames([rule.names]).filter((name) => hasName(rule.names, name));
  for (const { uri, local } of names) {
    const type = rule.type({ uri, local });
    const value = rule.fixed ?? (type && exampleValue(type));
    if (value === undefined) continue;
    const name = local === OTHER ? 'any' : local;
    const of = uri === OTHER ? 'urn:example' : uri;
    const quoted = `"${escapeXml(value)}"`;
    if (of === '') return ` ${name}=${quoted}`;
    if (of === XML) return ` xml:${name}=${quoted}`;
    return ` xmlns:n${index}="${escapeXml(of)}" n${index}:${name}=${quoted}`;
  }
  return undefined;
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\t\n\r]/gu, (character) => `&#${character.charCodeAt(0)};`);
}
