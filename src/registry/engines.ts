import type { Contract, ContractMistake } from '../core/contract.js';
import { isXmlKind } from '../core/contract.js';
import { FeedsError } from '../core/errors.js';
import type { Violation } from '../core/errors.js';
import { compileJson } from './json-engine.js';
import type { JsonChecker } from './json-engine.js';
import type { Answers, Checked, Scope, SentContent } from './tasks.js';
import type { XmlChecker } from './xml-engine.js';

/** What a thread can do, and the contracts that it has compiled. */
export interface Engines {
  /** Throws when it does not compile: it did once. */
  load(id: number, contract: Contract): Scope;
  forget(id: number): void;
  check(id: number, content: SentContent): Checked;
  /** Entries, self-contained Atom, without what the contract calls private. */
  redact(id: number, entries: readonly string[]): readonly string[];
  /** For each entry, self-contained Atom, the values of these columns of the contract. */
  extract(id: number, entries: readonly string[], columns: readonly string[]): Answers['extract'];
  mistakesIn(contract: Contract): Promise<readonly ContractMistake[]>;
  compare(older: Contract, newer: Contract): Promise<Answers['compare']>;
  example(contract: Contract): Promise<string | undefined>;
}

type Checker = { readonly kind: 'xml'; readonly by: XmlChecker } | { readonly kind: 'json'; readonly by: JsonChecker };

/**
 * libxml2 takes some hundred milliseconds to load, and the memory that it may grow to has to be limited before. What only
 * new contracts need is loaded when there is one.
 */
export async function loadEngines(): Promise<Engines> {
  const { compileXml } = await import('./xml-engine.js');
  const compiled = new Map<number, Checker>();

  return {
    load(id, contract) {
      const result = compile(contract);
      if ('mistakes' in result) {
        throw new Error(`a contract that was accepted does not compile: ${result.mistakes[0]?.message ?? ''}`);
      }
      compiled.set(id, result);
      return result.kind === 'xml' ? result.by.scope : 'content';
    },
    forget(id) {
      dispose(compiled.get(id));
      compiled.delete(id);
    },
    check: (id, content) => checkBy(known(id), content),
    redact(id, entries) {
      const { by } = known(id);
      return entries.map((entry) => by.redact(entry));
    },
    extract(id, entries, columns) {
      const { by } = known(id);
      return entries.map((entry) => by.extract(entry, columns));
    },
    mistakesIn,
    async compare(older, newer) {
      const { compareContracts } = await import('./compare.js');
      return compareContracts(older, newer);
    },
    async example(contract) {
      const { makeExample } = await import('./make-example.js');
      const content = makeExample(contract);
      if (content === undefined) return undefined;
      // What is made may be wrong: only what the contract takes is an example.
      const mistakes = await mistakesIn({ ...contract, example: content });
      return mistakes.length === 0 ? content : undefined;
    },
  };

  function known(id: number): Checker {
    const checker = compiled.get(id);
    if (checker === undefined) throw new Error(`contract ${String(id)} was not loaded`);
    return checker;
  }

  async function mistakesIn(contract: Contract): Promise<readonly ContractMistake[]> {
    const result = compile(contract);
    if ('mistakes' in result) return result.mistakes;
    try {
      return await mistakesOfExample(result, contract);
    } finally {
      dispose(result);
    }
  }

  function compile(contract: Contract): Checker | { mistakes: ContractMistake[] } {
    if (isXmlKind(contract.kind)) {
      const result = compileXml(contract);
      return 'mistakes' in result ? result : { kind: 'xml', by: result.checker };
    }
    const result = compileJson(contract);
    return 'mistakes' in result ? result : { kind: 'json', by: result.checker };
  }
}

function checkBy(checker: Checker, content: SentContent): Checked {
  if (checker.kind === 'xml' && content.kind === 'xml') return checker.by.check(content.text);
  if (checker.kind === 'json' && content.kind === 'json') return checker.by.check(content.json, content.fromXml);
  throw new Error('content of another kind than its contract');
}

function dispose(checker: Checker | undefined): void {
  if (checker?.kind === 'xml') checker.by.dispose();
}

async function mistakesOfExample(checker: Checker, { kind, example }: Contract): Promise<ContractMistake[]> {
  if (example === undefined) return [];
  const { exampleContent } = await import('../formats/contract-example.js');
  let content: SentContent;
  try {
    const made = await exampleContent(kind, example);
    content = made.kind === 'xml' ? { kind: 'xml', text: made.entry } : made;
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    const { violations = [{ message: error.message }] } = error.details;
    return violations.map((told: Pick<Violation, 'message' | 'line'>) => ({
      pointer: '/example',
      ...(told.line === undefined ? {} : { line: told.line }),
      message: `no entry can be made of the example: ${told.message}`,
    }));
  }
  const { findings } = checkBy(checker, content);
  return findings.map(({ place, message }) => ({
    pointer: `/example${place.kind === 'json' ? place.pointer : ''}`,
    message: `the example breaks the contract: ${message}`,
  }));
}
