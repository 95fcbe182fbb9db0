import { createRequire } from 'node:module';
import { FeedsError } from '../core/errors.js';
import type { Violation } from '../core/errors.js';
import { isXmlKind } from '../core/contract.js';
import type { Contract, ContractMistake } from '../core/contract.js';
import { ATOM_NAMESPACE } from './atom/atom-rules.js';
import { compileChecks, parseJson } from './json/checked-json.js';
import { decodeJson, pointerPart, readJsonText } from './json/json-text.js';
import type { JsonNode } from './json/json-text.js';
import { nodeAt } from './json/json-pointer.js';
import { CONTRACT, JSON_TYPE, SCHEMA_JSON, parseMediaType } from './media-types.js';
import { placeFinder } from './places.js';
import { decodeXml } from './xml/xml-encoding.js';

/** A contract as it was sent. */
export interface ContractBody {
  readonly contract: Contract;
  /** A mistake in it, with its place in the body. */
  readonly locate: (mistake: ContractMistake) => Violation;
}

/** What a contract may be sent as. */
export const CONTRACT_TYPES: readonly string[] = [JSON_TYPE, CONTRACT, SCHEMA_JSON, 'application/xml', 'text/xml'];

const RELAX_NG = 'http://relaxng.org/ns/structure/1.0';

/** The package's own schema, beside src as beside dist. */
const load = createRequire(import.meta.url);
const { contract: check } = compileChecks({
  contract: load('../../schemas/api/contract.json') as Record<string, unknown>,
});

/**
 * Reads a contract: the whole (schemas/api/contract.json) as application/json, or a schema alone, as
 * application/schema+json or application/xml. Throws `unsupported-media-type`, `not-well-formed` or `invalid-contract`.
 */
export function readContractBody(body: Buffer, contentType: string | undefined): ContractBody {
  const mediaType = contentType === undefined ? undefined : parseMediaType(contentType);
  switch (mediaType?.type) {
    case JSON_TYPE:
    case CONTRACT:
      return wholeContract(body);
    case SCHEMA_JSON:
      return jsonSchemaAlone(body);
    case 'application/xml':
    case 'text/xml':
      return xmlSchemaAlone(decodeXml(body, mediaType.parameters.get('charset')));
    default: {
      const sent =
        contentType === undefined
          ? 'the body has no Content-Type'
          : `the body is sent as "${contentType.slice(0, 100)}"`;
      throw new FeedsError(
        'unsupported-media-type',
        `${sent}; a contract is sent as ${JSON_TYPE}, a schema alone as ${SCHEMA_JSON} or application/xml`,
        { accepted: CONTRACT_TYPES },
      );
    }
  }
}

interface SentContract {
  readonly kind: Contract['kind'];
  readonly schema: unknown;
  readonly imports?: Readonly<Record<string, unknown>>;
  readonly namespaces?: Readonly<Record<string, string>>;
  readonly assertions?: readonly { readonly test: unknown; readonly message: string }[];
  readonly categories?: Contract['categories'];
  readonly private?: Contract['private'];
  readonly columns?: NonNullable<Contract['columns']>;
  readonly example?: unknown;
}

function wholeContract(body: Buffer): ContractBody {
  const value = parseJson(body);
  const source = decodeJson(body);
  const root = readJsonText(source);
  const locate = (mistake: ContractMistake): Violation => inJson(source, root, mistake);
  try {
    check(value, 'the contract');
  } catch (error) {
    if (!(error instanceof FeedsError) || error.code !== 'invalid-body') throw error;
    const mistakes = (error.details.violations ?? []).map(({ path, message }) => ({ pointer: path, message }));
    throw invalidContract(mistakes, locate);
  }
  const sent = value as SentContract;
  const mistakes: ContractMistake[] = [];
  /** XML stands in strings, JSON as the value that it is; of that the text as it was sent. */
  const text = (pointer: string, part: unknown): string => {
    const isText = typeof part === 'string';
    if (isText === isXmlKind(sent.kind)) return isText ? inUtf8(part) : textAt(source, root, pointer);
    const expected = isXmlKind(sent.kind) ? 'an XML text in a string' : 'a JSON value, not a text that holds one,';
    mistakes.push({ pointer, message: `${expected} was expected, as the kind is ${sent.kind}` });
    return '';
  };
  const contract: Contract = {
    kind: sent.kind,
    schema: text('/schema', sent.schema),
    imports: Object.fromEntries(
      Object.entries(sent.imports ?? {}).map(([name, part]) => [name, text(`/imports${pointerPart(name)}`, part)]),
    ),
    namespaces: withAtom(sent.namespaces),
    assertions: (sent.assertions ?? []).map(({ test, message }, index) => ({
      test: text(`/assertions/${String(index)}/test`, test),
      message,
    })),
    categories: sent.categories ?? [],
    private: sent.private ?? [],
    ...(sent.columns === undefined || Object.keys(sent.columns).length === 0 ? {} : { columns: sent.columns }),
    ...(sent.example === undefined ? {} : { example: exampleText(source, root, sent, mistakes) }),
  };
  if (mistakes.length > 0) throw invalidContract(mistakes, locate);
  return { contract, locate };
}

function exampleText(
  source: string,
  root: JsonNode,
  { kind, example }: SentContract,
  mistakes: ContractMistake[],
): string {
  if (!isXmlKind(kind)) return textAt(source, root, '/example');
  if (typeof example === 'string') return example;
  mistakes.push({ pointer: '/example', message: `an XML element in a string was expected, as the kind is ${kind}` });
  return '';
}

function textAt(source: string, root: JsonNode, pointer: string): string {
  const { start, end } = nodeAt(root, pointer);
  return source.slice(start, end);
}

function jsonSchemaAlone(body: Buffer): ContractBody {
  const value = parseJson(body);
  const source = decodeJson(body);
  const root = readJsonText(source);
  const locate = ({ pointer, message }: ContractMistake): Violation =>
    inJson(source, root, { pointer: pointer.replace(/^\/schema/, ''), message });
  if (typeof value !== 'boolean' && (typeof value !== 'object' || value === null || Array.isArray(value))) {
    throw invalidContract([{ pointer: '', message: 'a JSON Schema was expected: an object, true or false' }], locate);
  }
  return { contract: bare('json-schema', source.slice(root.start, root.end)), locate };
}

function xmlSchemaAlone(source: string): ContractBody {
  const locate = ({ pointer, line, message }: ContractMistake): Violation => ({
    path: pointer.replace(/^\/schema/, ''),
    message,
    ...(line === undefined ? {} : { line }),
  });
  return { contract: bare(isRelaxNg(source) ? 'relax-ng' : 'xsd', inUtf8(source)), locate };
}

/** By the namespace of its root, as that stands in the start tag. What is not well-formed is refused as either. */
function isRelaxNg(source: string): boolean {
  const tag = source.slice(rootStart(source));
  const [, prefix] = /^<(?:([^\s:/>]+):)?/.exec(tag) ?? [];
  const declared = prefix === undefined ? 'xmlns' : `xmlns:${prefix}`;
  for (const [, name, one, other] of tag.slice(0, tag.indexOf('>') + 1).matchAll(ATTRIBUTE)) {
    if (name === declared) return (one ?? other) === RELAX_NG;
  }
  return false;
}

const ATTRIBUTE = /\s([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/** Behind the declaration, comments and processing instructions. */
function rootStart(source: string): number {
  let at = 0;
  for (;;) {
    while (/\s/.test(source.charAt(at))) at++;
    const end = source.startsWith('<?', at) ? '?>' : source.startsWith('<!--', at) ? '-->' : undefined;
    const found = end === undefined ? -1 : source.indexOf(end, at);
    if (end === undefined || found < 0) return at;
    at = found + end.length;
  }
}

/** XML Schema and RELAX NG are kept as characters: what is said of the bytes that they once were is true no longer. */
function inUtf8(text: string): string {
  return text.replace(
    /^(\s*<\?xml[^>]*?\sencoding\s*=\s*)(?:"([^"]*)"|'([^']*)')/,
    (declared: string, before: string, one?: string, other?: string) =>
      /^utf-8$/i.test(one ?? other ?? '') ? declared : `${before}"UTF-8"`,
  );
}

function bare(kind: Contract['kind'], schema: string): Contract {
  return { kind, schema, imports: {}, namespaces: withAtom(undefined), assertions: [], categories: [], private: [] };
}

function withAtom(namespaces: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  return { atom: ATOM_NAMESPACE, ...namespaces };
}

/** Of a mistake in an XML document within the JSON the line is that within the document. */
function inJson(source: string, root: JsonNode, { pointer, line, message }: ContractMistake): Violation {
  const { line: own, column } = placeFinder(source)(nodeAt(root, pointer).start);
  return line === undefined ? { path: pointer, message, line: own, column } : { path: pointer, message, line };
}

/** The refusal of a contract, with each mistake's place. */
export function invalidContract(mistakes: readonly ContractMistake[], locate: ContractBody['locate']): FeedsError {
  const violations = mistakes.map(locate);
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${String(violations.length - 1)} more)` : '';
  const where = first?.line === undefined ? '' : `, line ${String(first.line)}`;
  const place = first === undefined || first.path === '' ? 'it' : first.path;
  return new FeedsError(
    'invalid-contract',
    `the contract cannot be taken: ${place}${where}: ${first?.message ?? 'is wrong'}${more}`,
    { violations },
  );
}
