import type { Breaks } from './breaks.js';
import type { AttributeRule } from './content-model.js';
import { OTHER, type QualifiedName, hasName, listedNames, tellingNames } from './name-class.js';
import { readsAlike, valueBreaks } from './simple-inclusion.js';
import { cut, inside } from './wording.js';

type Rules = readonly AttributeRule[];

/** Adds each way in which the newer rules refuse attributes that the older ones accept. */
export function compareAttributes(breaks: Breaks, older: Rules, newer: Rules, path: string): void {
  const names = tellingNames(
    [...older, ...newer].map((rule) => rule.names),
    [...breaks.older.declaredAttributes, ...breaks.newer.declaredAttributes],
  );
  for (const rule of older) {
    const listed = listedNames(rule.names);
    if (listed !== undefined) for (const name of listed) compareNamed(breaks, rule, newer, name, path);
    else compareWildcard(breaks, rule, newer, names, path);
  }
  for (const rule of newer) {
    if (rule.required && !isRequired(older, rule, names)) {
      const local = spoken(rule);
      const message = `"${cut(local)}" is required now; what was published without it is refused`;
      breaks.add('attribute-required', inside(path, local), message);
    }
  }
}

function isRequired(older: Rules, rule: AttributeRule, names: readonly QualifiedName[]): boolean {
  return older.some(
    (other) =>
      other.required &&
      (listedNames(other.names) ?? names.filter((name) => hasName(other.names, name))).every((name) =>
        hasName(rule.names, name),
      ),
  );
}

function spoken({ names }: AttributeRule): string {
  return attributeName(listedNames(names)?.[0] ?? { uri: OTHER, local: OTHER });
}

function attributeName({ local }: QualifiedName): string {
  return `@${local}`;
}

function compareNamed(breaks: Breaks, rule: AttributeRule, newer: Rules, name: QualifiedName, path: string): void {
  const type = rule.type(name);
  if (type === undefined) return;
  const what = attributeName(name);
  const at = inside(path, what);
  const found = ruleFor(newer, name);
  if (found === undefined) {
    const message = `"${cut(what)}" is no longer allowed; what was published with it is refused`;
    breaks.add('attribute-removed', at, message);
    return;
  }
  if (found.rule.fixed !== undefined && found.rule.fixed !== rule.fixed) {
    breaks.add('fixed-added', at, `"${cut(what)}" must be "${cut(found.rule.fixed)}" now; other values are refused`);
    return;
  }
  if (found.rule.fixed !== undefined && !readsAlike(type, found.type)) {
    breaks.add('cannot-be-compared', at, `"${cut(what)}" has the same fixed value, of another type`);
  }
  for (const { rule: broken, reason } of valueBreaks(type, found.type)) {
    breaks.add(broken, at, `"${cut(what)}" ${reason}; what was published with other values is refused`);
  }
}

/** The rule that takes an attribute of the name, and its type. */
export function ruleFor(
  rules: Rules,
  name: QualifiedName,
): { rule: AttributeRule; type: NonNullable<ReturnType<AttributeRule['type']>> } | undefined {
  for (const rule of rules) {
    const type = hasName(rule.names, name) ? rule.type(name) : undefined;
    if (type !== undefined) return { rule, type };
  }
  return undefined;
}

function compareWildcard(
  breaks: Breaks,
  rule: AttributeRule,
  newer: Rules,
  names: readonly QualifiedName[],
  path: string,
): void {
  for (const name of names.filter((each) => hasName(rule.names, each))) {
    const type = rule.type(name);
    if (type === undefined) continue;
    const found = ruleFor(newer, name);
    const fixed = found?.rule.fixed;
    if (found !== undefined && fixed === undefined && valueBreaks(type, found.type).length === 0) continue;
    const what = spokenWildcard(name);
    const message =
      found === undefined
        ? `the wildcard took in ${what} and does not now; what was published with it is refused`
        : `the wildcard took in ${what} with any value; values are checked now`;
    breaks.add('wildcard-narrowed', inside(path, '@*'), message);
    return;
  }
}

function spokenWildcard({ uri, local }: QualifiedName): string {
  if (local !== OTHER) return `"@${cut(local)}"`;
  if (uri === OTHER) return 'any attribute';
  return uri === '' ? 'any attribute of no namespace' : `any attribute of the namespace "${cut(uri)}"`;
}
