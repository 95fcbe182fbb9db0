import type { ContentModel, Pools } from './content-model.js';
import { choice, symbol } from './expression.js';
import type { QualifiedName } from './name-class.js';
import type { XmlSchemaSet } from './schema-tree.js';
import { type XsdTypes, globalElement, isTrue } from './xsd-particles.js';
import { type Definition, readXsd } from './xsd-read.js';
import { anyElement, elementRule } from './xsd-types.js';

/** What an XML Schema says of a content: that it is one of the global elements. */
export function xsdModel(set: XmlSchemaSet, pools: Pools): ContentModel {
  const components = readXsd(set);
  const types: XsdTypes = {
    components,
    pools,
    known: new Map(),
    shapes: new Map(),
    complex: new Map(),
    particles: new Map(),
    groups: new Map(),
    members: new Map(),
    derived: new Map(),
    keys: new Map(),
    ruleOf: elementRule,
    ruleOfUndeclared: anyElement,
  };
  const nameOf = ({ node, scope }: Definition): QualifiedName => ({
    uri: scope.targetNamespace,
    local: node.attributes.get('name') ?? '',
  });
  const isAbstract = ({ node }: Definition): boolean => isTrue(node.attributes.get('abstract'));
  const elements = [...components.element.values()];
  const roots = elements.filter((element) => !isAbstract(element));
  return {
    start: choice(
      pools.particles,
      roots.map((element) => symbol(pools.particles, globalElement(types, nameOf(element)))),
    ),
    // libxml2 does not look for what an xs:IDREF refers to.
    hasReferences: () => false,
    abstract: elements.filter(isAbstract).map(nameOf),
    declaredElements: elements.map(nameOf),
    declaredAttributes: [...components.attribute.values()].map(nameOf),
  };
}
