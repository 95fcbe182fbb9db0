import { Ajv } from 'ajv';
import type { AnySchema, ErrorObject, Options, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { ContentValue } from '../core/content-columns.js';
import type { Contract, ContractMistake, Finding } from '../core/contract.js';
import { pointerPart } from '../formats/json/json-text.js';
import { storedJson } from '../formats/contract-content.js';
import { explain } from '../formats/json/schema-errors.js';
import { withoutPointers } from '../formats/private-values.js';
import { termsFrom } from './categories.js';
import { readValue, textOf, valueAt } from './json-value.js';
import type { Checked } from './tasks.js';
import { typedValue } from './typed-value.js';

/** JSON Schema, drafts 7 and 2020-12, by ajv. Nothing is fetched: what a schema refers to is given along with it. */

/** A contract of JSON content, ready to check it. */
export interface JsonChecker {
  /** A JSON text; of what was made from XML, texts that read as a number or a boolean are taken as one. */
  check(json: string, fromXml: boolean): Checked;
  /** An entry without what the contract calls private. */
  redact(entry: string): string;
  /** The values of these columns of the contract. */
  extract(entry: string, columns: readonly string[]): readonly ContentValue[];
}

const OPTIONS: Options = {
  allErrors: true,
  verbose: true,
  // JSON Schema 2020-12 §6.5: an unknown keyword is an annotation.
  strict: false,
  logger: false,
  // Nothing of a publisher's is to be mistaken for a regular expression of another kind.
  unicodeRegExp: true,
  // A member is what the text has, not "constructor", which every object inherits.
  ownProperties: true,
};
const DRAFT_07 = 'http://json-schema.org/draft-07/schema';
const DRAFT_2020 = 'https://json-schema.org/draft/2020-12/schema';
const MOST_FINDINGS = 200;
const MOST_MISTAKES = 100;
/** What a schema that refers to itself without end does not come back from. */
const PROBES = [{}, [], '', 0, true, null];

type Engine = Ajv | Ajv2020;

interface Validators {
  readonly schema: ValidateFunction;
  readonly assertions: readonly { readonly validate: ValidateFunction; readonly message: string }[];
}

/** Compiles a contract; what is wrong with it is told instead when something is. */
export function compileJson(contract: Contract): { checker: JsonChecker } | { mistakes: ContractMistake[] } {
  const mistakes: ContractMistake[] = [];
  const plain = validatorsOf(contract, false, mistakes);
  checkPointers(contract, mistakes);
  if (plain === undefined || mistakes.length > 0) return { mistakes };
  let coercing: Validators | undefined;
  return {
    checker: {
      redact: (entry) => withoutPointers(entry, contract.private),
      extract: (entry, columns) => extracted(contract, entry, columns),
      check(json, fromXml) {
        const read = readValue(json);
        if ('problem' in read) return { findings: [read.problem], terms: [] };
        const { value } = read;
        const coerced = fromXml ? (coercing ??= validatorsOf(contract, true, [])) : undefined;
        const findings = findingsOf(coerced ?? plain, value);
        return { findings, terms: termsOf(contract, value, json, findings) };
      },
    },
  };
}

function validatorsOf(contract: Contract, coerceTypes: boolean, mistakes: ContractMistake[]): Validators | undefined {
  const documents = [
    { pointer: '/schema', name: undefined, schema: parsed(contract.schema) },
    ...Object.entries(contract.imports).map(([name, text]) => ({
      pointer: `/imports${pointerPart(name)}`,
      name,
      schema: parsed(text),
    })),
    ...contract.assertions.map(({ test }, index) => ({
      pointer: `/assertions/${String(index)}/test`,
      name: undefined,
      schema: parsed(test),
    })),
  ];
  const ajv = engineFor(documents, coerceTypes, mistakes);
  if (ajv === undefined) return undefined;
  for (const { pointer, schema } of documents)
    attempt(pointer, schema, mistakes, () => {
      checkDocument(ajv, pointer, schema, mistakes);
    });
  if (mistakes.length > 0) return undefined;
  const base = identifier(documents[0]?.schema);
  for (const { name, pointer, schema } of documents) {
    if (name === undefined) continue;
    attempt(pointer, schema, mistakes, () => {
      ajv.addSchema(schema, resolved(name, base));
    });
  }
  const compiled = documents
    .filter(({ name }) => name === undefined)
    .map(({ pointer, schema }) =>
      attempt(pointer, schema, mistakes, () => {
        const validate = ajv.compile(schema);
        for (const probe of PROBES) void validate(structuredClone(probe));
        return validate;
      }),
    );
  const [schema, ...rest] = compiled;
  if (mistakes.length > 0 || schema === undefined) return undefined;
  const assertions = rest.flatMap((validate, index) => {
    const message = contract.assertions[index]?.message;
    return validate === undefined || message === undefined ? [] : [{ validate, message }];
  });
  return { schema, assertions };
}

/** The text of a schema as it came in a contract: it has been read as JSON before. */
function parsed(text: string): AnySchema {
  return JSON.parse(text) as AnySchema;
}

interface SchemaDocument {
  readonly pointer: string;
  readonly schema: AnySchema;
}

/** One draft for all documents of a contract: that which its schema names, or 2020-12. */
function engineFor(
  documents: readonly SchemaDocument[],
  coerceTypes: boolean,
  mistakes: ContractMistake[],
): Engine | undefined {
  const named = documents.flatMap(({ pointer, schema }) => {
    const draft = memberOf(schema, '$schema');
    if (draft === undefined) return [];
    return [{ pointer, draft: typeof draft === 'string' ? draft.replace(/#$/, '') : JSON.stringify(draft) }];
  });
  const draft = named[0]?.draft ?? DRAFT_2020;
  for (const { pointer, draft: other } of named) {
    if (other !== DRAFT_07 && other !== DRAFT_2020) {
      const message = `drafts 7 (${DRAFT_07}#) and 2020-12 (${DRAFT_2020}) are understood, not ${other.slice(0, 200)}`;
      mistakes.push({ pointer: `${pointer}/$schema`, message });
    } else if (other !== draft) {
      mistakes.push({
        pointer: `${pointer}/$schema`,
        message: `another draft than that of the schema, ${draft}`,
      });
    }
  }
  if (mistakes.length > 0) return undefined;
  const options = coerceTypes ? { ...OPTIONS, coerceTypes: 'array' as const } : OPTIONS;
  const ajv: Engine = draft === DRAFT_07 ? new Ajv(options) : new Ajv2020(options);
  addFormats.default(ajv);
  return ajv;
}

/** Each place where a schema is none, by the schema of its draft. */
function checkDocument(ajv: Engine, pointer: string, schema: AnySchema, mistakes: ContractMistake[]): void {
  if (typeof schema !== 'boolean' && (typeof schema !== 'object' || Array.isArray(schema))) {
    mistakes.push({ pointer, message: 'a JSON Schema was expected: an object, true or false' });
    return;
  }
  // ajv's own keyword: whoever asked for a promise would be told later, when nobody listens.
  if (memberOf(schema, '$async') !== undefined) {
    mistakes.push({ pointer: `${pointer}/$async`, message: 'a schema is checked at once: "$async" is not taken' });
    return;
  }
  if (ajv.validateSchema(schema) === true) return;
  const told = new Set<string>();
  for (const error of (ajv.errors ?? []).slice(0, MOST_MISTAKES)) {
    const { path, message } = explain(error);
    // The schemas of schemas say the same in several ways.
    if (told.has(path) || ['if', 'anyOf', '$dynamicRef'].includes(error.keyword)) continue;
    told.add(path);
    mistakes.push({ pointer: pointer + path, message });
  }
  if (told.size === 0) mistakes.push({ pointer, message: 'this is no valid JSON Schema' });
}

function attempt<T>(pointer: string, schema: AnySchema, mistakes: ContractMistake[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) {
      const message = 'this schema refers to itself without end, or has schemas within schemas too deeply';
      mistakes.push({ pointer, message });
      return undefined;
    }
    const message = error instanceof Error ? error.message : String(error);
    const [, reference] = /^can't resolve reference (.*) from id/.exec(message) ?? [];
    if (reference === undefined) {
      const [, pattern] = /^Invalid regular expression: \/(.*)\/\w*: /s.exec(message) ?? [];
      const [place = ''] = placesWhere(schema, (name, value) => pattern === (name === 'pattern' ? value : name));
      mistakes.push({ pointer: pointer + place, message: message.slice(0, 1_000) });
      return undefined;
    }
    const places = placesWhere(
      schema,
      (name, value) =>
        name === '$ref' && typeof value === 'string' && (value === reference || reference.endsWith(value)),
    );
    for (const place of places.length === 0 ? [''] : places) {
      mistakes.push({
        pointer: pointer + place,
        message: `"${reference.slice(0, 200)}" is not there: other documents come along in "imports", by the name that refers to them`,
      });
    }
    return undefined;
  }
}

/** JSON Pointers of the members for which that holds, the outermost only. */
function placesWhere(schema: unknown, holds: (name: string, value: unknown) => boolean, pointer = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([name, value]: [string, unknown]) => {
    const place = pointer + pointerPart(name);
    return holds(name, value) ? [place] : placesWhere(value, holds, place);
  });
}

function identifier(schema: AnySchema | undefined): string | undefined {
  const id = memberOf(schema, '$id');
  return typeof id === 'string' && URL.canParse(id) ? id : undefined;
}

function memberOf(schema: AnySchema | undefined, name: string): unknown {
  return typeof schema === 'object' ? (schema as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** A document is known by the URI that a reference to its name comes to (RFC 3986 §5). */
function resolved(name: string, base: string | undefined): string {
  return base !== undefined && URL.canParse(name, base) ? new URL(name, base).href : name;
}

function findingsOf({ schema, assertions }: Validators, value: unknown): Finding[] {
  const findings: Finding[] = [];
  if (!schema(value)) {
    for (const error of worthTelling(schema.errors ?? [])) findings.push(toFinding(error));
  }
  for (const { validate, message } of assertions) {
    if (validate(value)) continue;
    const [error] = worthTelling(validate.errors ?? []);
    const detail = error === undefined ? undefined : toFinding(error);
    findings.push({ place: { kind: 'json', pointer: '' }, ...detail, message });
  }
  return findings;
}

/** "if" says nothing that its branch does not. */
function worthTelling(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const told = errors.filter(({ keyword }) => keyword !== 'if');
  return (told.length === 0 ? errors : told).slice(0, MOST_FINDINGS);
}

function toFinding(error: ErrorObject): Finding {
  const { path: pointer, ...rest } = explain(error);
  return { place: { kind: 'json', pointer }, ...rest };
}

/** What is no JSON, nor made into some, has none of them. */
function extracted({ columns = {} }: Contract, entry: string, names: readonly string[]): readonly ContentValue[] {
  const json = storedJson(entry);
  if (json === undefined) return names.map(() => null);
  const value = JSON.parse(json) as unknown;
  return names.map((name) => {
    const rule = columns[name];
    if (rule === undefined) return null;
    const [text] = textOf(valueAt(value, rule.path), json, rule.path);
    return typedValue(text, rule.type);
  });
}

function checkPointers({ categories, private: hidden, columns = {} }: Contract, mistakes: ContractMistake[]): void {
  const check = (path: string, pointer: string): void => {
    if (isPointer(path)) return;
    mistakes.push({
      pointer,
      message: `"${path.slice(0, 100)}" is no JSON Pointer (RFC 6901): it begins with "/", and "~" stands only in "~0" and "~1"`,
    });
  };
  categories.forEach(({ path }, index) => {
    check(path, `/categories/${String(index)}/path`);
  });
  hidden.forEach((path, index) => {
    check(path, `/private/${String(index)}`);
  });
  for (const [name, { path }] of Object.entries(columns)) check(path, `/columns/${name}/path`);
}

function isPointer(text: string): boolean {
  return /^(?:\/(?:[^~/]|~[01])*)*$/.test(text);
}

function termsOf({ categories }: Contract, value: unknown, json: string, findings: Finding[]): string[] {
  return categories.flatMap(({ prefix, path }) => {
    const found = valueAt(value, path);
    const values = Array.isArray(found)
      ? (found as unknown[]).flatMap((one, index) => textOf(one, json, `${path}/${String(index)}`))
      : textOf(found, json, path);
    return termsFrom(prefix, values, { kind: 'json', pointer: path }, findings);
  });
}
