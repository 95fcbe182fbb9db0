import {
  ParseOption,
  RelaxNGValidator,
  XmlAttribute,
  XmlCData,
  XmlDocument,
  XmlElement,
  XmlLibError,
  XmlNode,
  XmlText,
  XmlXPath,
  XsdValidator,
  closeBuffer,
  openBuffer,
  readBuffer,
  xmlRegisterInputProvider,
} from 'libxml2-wasm';
import type { ContentValue } from '../core/content-columns.js';
import type { Contract, ContractMistake, Finding } from '../core/contract.js';
import { pointerPart } from '../formats/json/json-text.js';
import { termsFrom } from './categories.js';
import type { Checked, Scope } from './tasks.js';
import { typedValue } from './typed-value.js';
import { readXmlMessage } from './xml-messages.js';
import { type Imports, SCHEMA_URL, importNamed, plainName } from './xml-schema/imports.js';

/* eslint-disable @typescript-eslint/no-deprecated -- libxml2 means to drop RELAX NG one day; this version has it */

/**
 * XML Schema 1.0, RELAX NG and XPath 1.0, by libxml2. Documents that a schema refers to are those given along with it: the
 * library here has neither a network nor a file system.
 */

/** A contract of an XML kind, ready to check entries. */
export interface XmlChecker {
  /** What it looks at. XPath may go from the content to what is around it. */
  readonly scope: Scope;
  /** Self-contained Atom whose content is one element: an entry, or as much of it as the scope says. */
  check(entry: string): Checked;
  /** An entry without what the contract calls private. */
  redact(entry: string): string;
  /** The values of these columns of the contract. */
  extract(entry: string, columns: readonly string[]): readonly ContentValue[];
  dispose(): void;
}

const ATOM = 'http://www.w3.org/2005/Atom';
/** An entry has been read strictly before; HUGE is for texts above 10 million characters, of feeds that allow them. */
const READING = (ParseOption.XML_PARSE_NO_XXE |
  ParseOption.XML_PARSE_NONET |
  ParseOption.XML_PARSE_BIG_LINES |
  ParseOption.XML_PARSE_HUGE |
  ParseOption.XML_PARSE_COMPACT) as ParseOption;
/** Small texts in a compact form must not be changed. */
const CHANGING = (READING & ~ParseOption.XML_PARSE_COMPACT) as ParseOption;
const encoder = new TextEncoder();
const MOST_MISTAKES = 100;

/** What the contract that is being compiled may refer to. libxml2 asks for it by the one way that it has. */
let given: Imports = {};
/** While a contract is compiled, what was asked for and not given along. */
let missing: string[] | undefined;

xmlRegisterInputProvider({
  match: (name) => {
    if (importNamed(given, name) !== undefined) return true;
    missing?.push(name);
    return false;
  },
  open: (name) => openBuffer(encoder.encode(importNamed(given, name) ?? '')),
  read: (descriptor, buffer) => readBuffer(descriptor, buffer),
  close: (descriptor) => {
    closeBuffer(descriptor);
    return true;
  },
});

/** Compiles a contract; what is wrong with it is told instead when something is. */
export function compileXml(contract: Contract): { checker: XmlChecker } | { mistakes: ContractMistake[] } {
  const mistakes: ContractMistake[] = [];
  const disposables: { dispose(): void }[] = [];
  const validator = compileSchema(contract, mistakes);
  if (validator !== undefined) disposables.push(validator);
  const xpath = (expression: string, pointer: string): XmlXPath | undefined => {
    const compiled = compileXPath(expression, contract.namespaces, pointer, mistakes);
    if (compiled !== undefined) disposables.push(compiled);
    return compiled;
  };
  const assertions = contract.assertions.map(({ test, message }, index) => {
    const pointer = `/assertions/${String(index)}/test`;
    // It has to be an expression by itself, not only where it stands in another one.
    const isExpression = xpath(test, pointer) !== undefined;
    return { message, test: isExpression ? xpath(`boolean(${test})`, pointer) : undefined };
  });
  // One look at the entry for all of them: nearly always they all hold.
  const allHold =
    assertions.length < 2 || mistakes.length > 0
      ? undefined
      : xpath(contract.assertions.map(({ test }) => `boolean(${test})`).join(' and '), '/assertions');
  const categories = contract.categories.map(({ prefix, path }, index) => ({
    prefix,
    path: xpath(path, `/categories/${String(index)}/path`),
    attribute: ATTRIBUTE.exec(path)?.[1],
  }));
  const privates = contract.private.map((path, index) => xpath(path, `/private/${String(index)}`));
  // All are evaluated before anything goes: one may look at what another one names.
  const allPrivate =
    privates.length === 0 || mistakes.length > 0
      ? undefined
      : xpath(contract.private.map((path) => `(${path})`).join(' | '), '/private');
  const columns = new Map(
    Object.entries(contract.columns ?? {}).map(([name, { path, type }]) => [
      name,
      { type, path: xpath(path, `/columns/${name}/path`), attribute: ATTRIBUTE.exec(path)?.[1] },
    ]),
  );
  const dispose = (): void => {
    for (const one of disposables) one.dispose();
  };
  if (validator === undefined || mistakes.length > 0) {
    dispose();
    if (mistakes.length === 0) mistakes.push({ pointer: '/schema', message: 'this schema cannot be compiled' });
    return { mistakes };
  }
  const looksAround = assertions.length > 0 || categories.some(({ attribute }) => attribute === undefined);
  return { checker: { scope: looksAround ? 'entry' : 'content', check, redact, extract, dispose } };

  function check(entry: string): Checked {
    const document = readEntry(entry);
    try {
      const { root } = document;
      const content = contentElement(root);
      if (content === undefined) {
        return {
          findings: [atEntry('the content holds no element, which the contract of this feed is about')],
          terms: [],
        };
      }
      const findings: Finding[] = [];
      const doubtful = allHold !== undefined && failure(root, allHold) === undefined ? [] : assertions;
      for (const { test, message } of doubtful) {
        const problem = test === undefined ? undefined : failure(root, test);
        if (problem !== undefined) findings.push(atEntry(problem === '' ? message : `${message} (${problem})`));
      }
      const terms: string[] = [];
      for (const { prefix, path, attribute } of categories) {
        const values = attribute === undefined ? valuesAt(content, path) : [content.attr(attribute)?.value ?? ''];
        if (values === undefined)
          findings.push(atEntry(`the values of its "${prefix}:" categories could not be evaluated`));
        else terms.push(...termsFrom(prefix, values, WHOLE, findings));
      }
      // RELAX NG takes the element out of the entry, so it comes last.
      findings.unshift(...validate(content));
      return { findings, terms };
    } finally {
      document.dispose();
    }
  }

  function redact(entry: string): string {
    if (allPrivate === undefined) return entry;
    const document = readDocument(entry, undefined, CHANGING);
    try {
      const found = contentElement(document.root)?.eval(allPrivate);
      if (!Array.isArray(found) || found.length === 0) return entry;
      // In the order of the document what is within something comes behind it: it goes first.
      let inTitle = false;
      for (const node of found.toReversed()) {
        const place = placeOf(node);
        if (place.own === 'title') inTitle = true;
        else takeOut(node, place);
      }
      if (inTitle) emptyTitle(document.root);
      return document.toString({ format: false, noDeclaration: true }).trimEnd();
    } finally {
      document.dispose();
    }
  }

  function extract(entry: string, names: readonly string[]): readonly ContentValue[] {
    const document = readEntry(entry);
    try {
      const content = contentElement(document.root);
      return names.map((name) => {
        const column = columns.get(name);
        if (content === undefined || column === undefined) return null;
        const { type, path, attribute } = column;
        // As XPath 1.0 has it (§4.2): the text of several nodes is that of the first.
        const text = attribute === undefined ? valuesAt(content, path)?.[0] : content.attr(attribute)?.value;
        return typedValue(text, type);
      });
    } finally {
      document.dispose();
    }
  }

  function validate(content: XmlElement): Finding[] {
    try {
      if (validator instanceof XsdValidator) {
        validator.validate(content);
        return [];
      }
      return validateAlone(validator as RelaxNGValidator, content);
    } catch (error) {
      if (!(error instanceof XmlLibError)) throw error;
      return findingsOf(error);
    }
  }
}

/** libxml2 checks only whole documents by RELAX NG: the content becomes one. */
function validateAlone(validator: RelaxNGValidator, content: XmlElement): Finding[] {
  const alone = XmlDocument.create();
  try {
    alone.root = content;
    validator.validate(alone);
    return [];
  } catch (error) {
    if (!(error instanceof XmlLibError)) throw error;
    return findingsOf(error).map((finding) =>
      finding.place.kind === 'xml'
        ? { ...finding, place: { ...finding.place, xpath: `/entry/content${finding.place.xpath}` } }
        : finding,
    );
  } finally {
    alone.dispose();
  }
}

function findingsOf(error: XmlLibError): Finding[] {
  const told = new Set<string>();
  const findings = error.details.flatMap(({ message, xpath, level }): Finding[] => {
    const { attribute, ...said } = readXmlMessage(message);
    const key = `${xpath ?? ''} ${attribute ?? ''} ${said.message}`;
    if (level < 2 || told.has(key)) return [];
    told.add(key);
    const at = xpath === undefined ? { kind: 'entry' as const } : { kind: 'xml' as const, xpath };
    return [{ place: at.kind === 'xml' && attribute !== undefined ? { ...at, attribute } : at, ...said }];
  });
  // libxml2 can refuse without a word: a reference of RELAX NG to an ID that there is not.
  return findings.length === 0 ? [atEntry('the content does not fit the schema')] : findings;
}

/** Where a node is in an entry. */
interface Place {
  /** The name of the entry's own Atom element that it is or is in; undefined: it is the entry, '': something else. */
  readonly own: string | undefined;
  /** How far below that. */
  readonly depth: number;
  /** Is it, or is it in, an Atom name right below that? */
  readonly inName: boolean;
}

function placeOf(node: XmlNode): Place {
  let own = node;
  let below: XmlNode | undefined;
  let depth = 0;
  for (let above = own.parent; above !== null && above.parent !== null; above = above.parent) {
    below = own;
    own = above;
    depth += 1;
  }
  if (own.parent === null) return { own: undefined, depth, inName: false };
  return { own: atomName(own), depth, inName: below !== undefined && atomName(below) === 'name' };
}

function atomName(node: XmlNode): string {
  return node instanceof XmlElement && node.namespaceUri === ATOM ? node.name : '';
}

/** Takes a node out of an entry, as far as it is still one without (RFC 4287 §4.1.2): nothing is shown rather than too much. */
function takeOut(node: XmlNode, { own, depth, inName }: Place): void {
  const isText = node instanceof XmlText || node instanceof XmlCData;
  switch (own) {
    case undefined:
      return;
    case 'content':
      if (depth > 1 || (depth === 1 && !(node instanceof XmlAttribute))) node.remove();
      return;
    case 'id':
    case 'updated':
      if (depth > 0 && !isText) node.remove();
      return;
    case 'author':
      // RFC 4287 §3.2: a person has a name.
      if (depth === 0 && node instanceof XmlElement) leaveName(node);
      else if (!inName || (depth > 1 && !isText)) node.remove();
      return;
    default:
      node.remove();
  }
}

function leaveName(author: XmlElement): void {
  for (const attribute of author.attrs) attribute.remove();
  for (let child = author.firstChild; child !== null;) {
    const { next } = child;
    if (atomName(child) !== 'name') child.remove();
    child = next;
  }
}

/** There has to be a title, and it may be empty: then it is of no type either. */
function emptyTitle(entry: XmlElement): void {
  for (let child = entry.firstChild; child !== null; child = child.next) {
    if (!(child instanceof XmlElement) || atomName(child) !== 'title') continue;
    for (const attribute of child.attrs) attribute.remove();
    while (child.firstChild !== null) child.firstChild.remove();
  }
}

/** It is looked for from the end, where it stands in nearly all entries. */
function contentElement(entry: XmlElement): XmlElement | undefined {
  for (let child = entry.lastChild; child !== null; child = child.prev) {
    if (!(child instanceof XmlElement) || child.name !== 'content' || child.namespaceUri !== ATOM) continue;
    for (let inner = child.firstChild; inner !== null; inner = inner.next) {
      if (inner instanceof XmlElement) return inner;
    }
  }
  return undefined;
}

/** Why an assertion does not hold; '' when nothing more is to be said. */
function failure(entry: XmlElement, test: XmlXPath): string | undefined {
  try {
    return entry.eval(test) === true ? undefined : '';
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return 'it could not be evaluated';
  }
}

/** An attribute of the content's element is had without evaluating anything. */
const ATTRIBUTE = /^@([A-Za-z_][A-Za-z0-9_.-]*)$/;

/** Undefined: they could not be evaluated. */
function valuesAt(content: XmlElement, path: XmlXPath | undefined): string[] | undefined {
  try {
    const found = path === undefined ? [] : content.eval(path);
    return Array.isArray(found) ? found.map((node) => node.content) : [String(found)];
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return undefined;
  }
}

const WHOLE = { kind: 'entry' } as const;

function atEntry(message: string): Finding {
  return { place: WHOLE, message };
}

/** An entry has no XML declaration: it is UTF-8 without being told so, which would take some time. */
function readEntry(text: string): XmlDocument {
  // The library's own way from a string takes a third of the time of reading it.
  return XmlDocument.fromBuffer(encoder.encode(text), { option: READING });
}

function readDocument(text: string, url?: string, option = READING): XmlDocument {
  return XmlDocument.fromBuffer(encoder.encode(text), {
    option,
    encoding: 'utf-8',
    ...(url === undefined ? {} : { url }),
  });
}

function compileSchema(contract: Contract, mistakes: ContractMistake[]): XsdValidator | RelaxNGValidator | undefined {
  const before = mistakes.length;
  for (const [name, text] of Object.entries(contract.imports)) {
    readPart(text, `/imports${pointerPart(name)}`, mistakes)?.dispose();
  }
  const document = readPart(contract.schema, '/schema', mistakes);
  if (document === undefined || mistakes.length > before) {
    document?.dispose();
    return undefined;
  }
  given = contract.imports;
  const notFound: string[] = [];
  missing = notFound;
  try {
    const compiled = contract.kind === 'xsd' ? XsdValidator.fromDoc(document) : RelaxNGValidator.fromDoc(document);
    if (notFound.length === 0) return compiled;
    // libxml2 goes on without a document that it does not find, and everything in it is unknown.
    compiled.dispose();
    mistakes.push(...notGiven(notFound));
    return undefined;
  } catch (error) {
    if (!(error instanceof XmlLibError)) throw error;
    mistakes.push(...notGiven(notFound), ...mistakesOf(error));
    return undefined;
  } finally {
    given = {};
    missing = undefined;
    document.dispose();
  }
}

function notGiven(names: readonly string[]): ContractMistake[] {
  return [...new Set(names.map(plainName))].map((name) => ({
    pointer: '/imports',
    message: `"${name.slice(0, 200)}" is referred to and not given: documents of a schema come along in "imports", by this name`,
  }));
}

/** Well-formed, and without a DOCTYPE: no entity can be declared. */
function readPart(text: string, pointer: string, mistakes: ContractMistake[]): XmlDocument | undefined {
  const doctype = /<!DOCTYPE/.exec(text);
  if (doctype !== null) {
    const line = text.slice(0, doctype.index).split('\n').length;
    mistakes.push({ pointer, line, message: 'a DOCTYPE is not taken: a schema needs none' });
    return undefined;
  }
  try {
    return readDocument(text, pointer === '/schema' ? SCHEMA_URL : undefined);
  } catch (error) {
    if (!(error instanceof XmlLibError)) throw error;
    for (const { message, line } of error.details.slice(0, MOST_MISTAKES)) {
      mistakes.push({ pointer, ...(line > 0 ? { line } : {}), message: message.trim() });
    }
    return undefined;
  }
}

function mistakesOf(error: XmlLibError): ContractMistake[] {
  return error.details
    .filter(({ level }) => level >= 2)
    .slice(0, MOST_MISTAKES)
    .map(({ message, line, file }) => {
      const name = file === undefined ? 'schema' : plainName(file);
      return {
        pointer: name === 'schema' ? '/schema' : `/imports${pointerPart(name)}`,
        ...(line > 0 ? { line } : {}),
        message: message.trim().slice(0, 1_000),
      };
    });
}

/** Each one that is not needed costs time with every entry. */
function usedIn(expression: string, namespaces: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(namespaces).filter(([prefix]) => expression.includes(`${prefix}:`)));
}

/** Something to evaluate expressions on: what is unknown in them shows only then. */
const PROBE = `<entry xmlns="${ATOM}"><id>urn:x</id><content type="application/xml"><x xmlns="" a="1"/></content></entry>`;

function compileXPath(
  expression: string,
  namespaces: Readonly<Record<string, string>>,
  pointer: string,
  mistakes: ContractMistake[],
): XmlXPath | undefined {
  let compiled: XmlXPath | undefined;
  const probe = readDocument(PROBE);
  try {
    compiled = XmlXPath.compile(expression, usedIn(expression, namespaces));
    const content = contentElement(probe.root);
    const result = pointer.startsWith('/assertions') ? probe.root.eval(compiled) : content?.eval(compiled);
    if (pointer.startsWith('/private') && !(Array.isArray(result) && result.every((node) => node instanceof XmlNode))) {
      mistakes.push({ pointer, message: 'elements or attributes were expected: the expression gives a value' });
    }
    return compiled;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    const text = error instanceof Error ? error.message : '';
    const [, reason = 'it is no XPath 1.0 expression'] = /': ([^\n]*)/.exec(text) ?? [];
    mistakes.push({ pointer, message: `this cannot be evaluated: ${reason}` });
    compiled?.dispose();
    return undefined;
  } finally {
    probe.dispose();
  }
}
