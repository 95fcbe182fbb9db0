import { shown, subject } from './json-comparison.js';
import type { Comparison, Rule } from './json-comparison.js';
import {
  and,
  conjunction,
  memberOf,
  otherMemberOf,
  requiredNames,
  unevaluatedIsAdditional,
} from './json-schema-conjunction.js';
import type { Conjunction } from './json-schema-conjunction.js';
import { isEmpty } from './json-schema-empty.js';
import { child, isObject, keyword, madeSchema, resolveReference, toPointer } from './json-schema-set.js';
import type { SchemaNode } from './json-schema-set.js';
import { listed, propertyNames, propertySchemas } from './json-schema-values.js';

/** JSON Schema 2020-12 Validation §6.5.3 */
export const compareRequired: Rule = (comparison, older, newer, types) => {
  if (!types.has('object')) return;
  const before = requiredNames(older.parts);
  for (const name of listed(keyword(newer, 'required')).map(String)) {
    if (before.has(name) || (!comparison.strict && hasDefault(newer, name))) continue;
    comparison.tell(
      requiredRule(older, name),
      `${newer.path}/required`,
      `${shown(name)} is required now; what was published without it is refused`,
    );
  }
};

/** What registries say: who reads by the newer schema puts the default in its place. */
function hasDefault(newer: SchemaNode, name: string): boolean {
  return propertySchemas(newer, name).some((schema) => {
    const reference = keyword(schema, '$ref');
    const target = typeof reference === 'string' ? resolveReference(schema, reference) : undefined;
    return [schema, target].some((node) => node !== undefined && keyword(node, 'default') !== undefined);
  });
}

function requiredRule(older: Conjunction, name: string): string {
  if (namesIn(older).has(name)) return 'required-attribute-added';
  return `required-property-added-to-${isOpen(older) ? 'open' : 'unopen'}-content-model`;
}

function namesIn(older: Conjunction): Set<string> {
  return new Set(older.parts.flatMap((part) => propertyNames(part, 'properties')));
}

/** Are members of any name and value accepted besides those that are named? */
function isOpen(older: Conjunction): boolean {
  const other = otherMemberOf(older, undefined, []);
  return !other.never && other.parts.length === 0 && other.unions.length === 0;
}

/** JSON Schema 2020-12 Core §10.3.2: members that one of the two names. */
export const compareProperties: Rule = (comparison, older, newer, types) => {
  if (!types.has('object')) return;
  const before = namesIn(older);
  const now = new Set(propertyNames(newer, 'properties'));
  for (const name of new Set([...now, ...before])) {
    const member = memberOf(older, name);
    const targets = memberSchemas(newer, name);
    if (targets.length === 0 || isEmpty(member)) continue;
    if (now.has(name) && before.has(name)) for (const target of targets) comparison.compare(member, target);
    else if (targets.some((target) => !comparison.covers(member, target))) {
      if (now.has(name)) tellAdded(comparison, older, newer, name);
      else tellRemoved(comparison, older, targets, name);
    }
  }
};

function memberSchemas(newer: SchemaNode, name: string): SchemaNode[] {
  const found = propertySchemas(newer, name);
  return found.length > 0 ? found : restOf(newer);
}

/** What a schema says of members that it neither names nor has a pattern for. */
function restOf(newer: SchemaNode): SchemaNode[] {
  if (keyword(newer, 'additionalProperties') !== undefined) return [child(newer, 'additionalProperties')];
  const unevaluated = keyword(newer, 'unevaluatedProperties') !== undefined && unevaluatedIsAdditional(newer);
  return unevaluated ? [child(newer, 'unevaluatedProperties')] : [];
}

function tellAdded(comparison: Comparison, older: Conjunction, newer: SchemaNode, name: string): void {
  const path = `${newer.path}${toPointer(['properties', name])}`;
  if (isOpen(older))
    comparison.tell(
      'property-added-to-open-content-model',
      path,
      `${shown(name)} has a schema now; any value could be published under that name before, and what does not fit is refused`,
    );
  else
    comparison.tell(
      'property-added-not-covered-by-partially-open-content-model',
      path,
      `${shown(name)} has a schema of its own now; what could be published under that name before and does not fit is refused`,
    );
}

function tellRemoved(comparison: Comparison, older: Conjunction, targets: readonly SchemaNode[], name: string): void {
  const holder = older.parts.find((part) => propertyNames(part, 'properties').includes(name));
  const path = `${holder?.path ?? ''}${toPointer(['properties', name])}`;
  if (targets.some(({ schema }) => schema === false))
    comparison.tell(
      'property-removed-from-closed-content-model',
      path,
      `${shown(name)} is no longer known and further members are not accepted; what was published with it is refused`,
    );
  else
    comparison.tell(
      'property-removed-not-covered-by-partially-open-content-model',
      path,
      `${shown(name)} is no longer named, and what the newer schema says of further members does not accept all of its values`,
    );
}

/** §10.3.2.2 and §10.3.2.3: members that neither of the two names. */
export const compareOtherMembers: Rule = (comparison, older, newer, types) => {
  if (!types.has('object')) return;
  const patterns = propertyNames(newer, 'patternProperties');
  for (const pattern of patterns) {
    const target = child(newer, 'patternProperties', pattern);
    const member = otherMemberOf(older, pattern, []);
    if (older.parts.some((part) => propertyNames(part, 'patternProperties').includes(pattern)))
      comparison.compare(member, target);
    else if (!comparison.covers(member, target))
      comparison.tell(
        'pattern-property-added',
        target.path,
        `members that match ${shown(pattern)} have a schema now; what was published under such a name and does not fit is refused`,
      );
  }
  const other = otherMemberOf(older, undefined, patterns);
  for (const target of restOf(newer)) {
    if (comparison.covers(other, target)) continue;
    const whose = subject(newer.path);
    if (target.schema === false)
      comparison.tell(
        'additional-properties-removed',
        target.path,
        `further members of ${whose} are not accepted any more; what was published with any is refused`,
      );
    else if (other.parts.length === 0)
      comparison.tell(
        'additional-properties-narrowed',
        target.path,
        `further members of ${whose} have a schema now; what was published and does not fit it is refused`,
      );
    else comparison.compare(other, target);
  }
};

/** §10.3.2.4 */
export const comparePropertyNames: Rule = (comparison, older, newer, types) => {
  if (!types.has('object') || keyword(newer, 'propertyNames') === undefined) return;
  const target = child(newer, 'propertyNames');
  const rules = older.parts.filter((part) => keyword(part, 'propertyNames') !== undefined);
  const given = [madeSchema({ type: 'string' }), ...rules.map((part) => child(part, 'propertyNames'))];
  const known = [...namesIn(older)].filter((name) => !isEmpty(memberOf(older, name)));
  if (isEmpty(otherMemberOf(older, undefined, []))) {
    if (known.length > 0) comparison.compare(conjunction([...given, madeSchema({ enum: known })]), target);
  } else if (rules.length > 0) comparison.compare(conjunction(given), target);
  else if (!comparison.covers(conjunction(given), target))
    comparison.tell(
      'property-names-added',
      target.path,
      `the names of members of ${subject(newer.path)} must fit a schema now; what was published with others is refused`,
    );
};

/** JSON Schema 2020-12 Validation §6.5.4, Core §10.2.2.4; draft 7 has both in `dependencies`. */
export const compareDependencies: Rule = (comparison, older, newer, types) => {
  if (!types.has('object')) return;
  for (const group of ['dependentRequired', 'dependentSchemas', 'dependencies'])
    for (const name of propertyNames(newer, group)) {
      const having = and(older, madeSchema({ type: 'object', required: [name] }));
      if (isEmpty(having)) continue;
      const needed = (keyword(newer, group) as Record<string, unknown>)[name];
      const path = `${newer.path}${toPointer([group, name])}`;
      if (Array.isArray(needed)) compareNeeded(comparison, having, { path, name, needed });
      else if (hasDependency(older, name, isObject)) comparison.compare(having, child(newer, group, name));
      else if (!comparison.covers(having, child(newer, group, name)))
        comparison.tell(
          'dependency-schema-added',
          path,
          `what has ${shown(name)} must fit a further schema now; what was published and does not is refused`,
        );
    }
};

function hasDependency(older: Conjunction, name: string, of: (dependency: unknown) => boolean): boolean {
  return older.parts.some((part) =>
    ['dependentRequired', 'dependentSchemas', 'dependencies'].some((group) => {
      const dependencies = keyword(part, group);
      return isObject(dependencies) && Object.hasOwn(dependencies, name) && of(dependencies[name]);
    }),
  );
}

interface Dependency {
  readonly path: string;
  readonly name: string;
  readonly needed: readonly unknown[];
}

function compareNeeded(comparison: Comparison, having: Conjunction, { path, name, needed }: Dependency): void {
  const present = presentIn(having);
  const missing = needed.map(String).filter((one) => !present.has(one));
  if (missing.length === 0) return;
  comparison.tell(
    hasDependency(having, name, Array.isArray) ? 'dependency-array-extended' : 'dependency-array-added',
    path,
    `what has ${shown(name)} must have ${missing.map(shown).slice(0, 10).join(', ')} too now; what was published without is refused`,
  );
}

/** Members that must be there, those included that others ask for. */
function presentIn(having: Conjunction): Set<string> {
  const present = requiredNames(having.parts);
  for (let size = -1; size !== present.size;) {
    size = present.size;
    for (const part of having.parts)
      for (const group of ['dependentRequired', 'dependencies'])
        for (const name of propertyNames(part, group))
          if (present.has(name))
            for (const other of listed((keyword(part, group) as Record<string, unknown>)[name]))
              present.add(String(other));
  }
  return present;
}
