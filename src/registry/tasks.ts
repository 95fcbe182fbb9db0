import type { ContentValue } from '../core/content-columns.js';
import type { Break, CheckedContent, Contract, ContractMistake, Finding } from '../core/contract.js';

/** What threads are asked, and what they answer: plain values, as both sides hold them apart (thread.ts, checkers.ts). */

export interface Checked {
  readonly findings: readonly Finding[];
  /** Categories that the contract takes from the content. */
  readonly terms: readonly string[];
}

/** A contract's check was cut off: it took too long, or all memory. */
export interface CutOff {
  readonly cutOff: string;
}

/** What a contract looks at of an entry: less is sooner read. */
export type Scope = 'entry' | 'content';

/** Of XML the part that the contract looks at. */
export type SentContent =
  { readonly kind: 'xml'; readonly text: string } | Extract<CheckedContent, { readonly kind: 'json' }>;

export type Task =
  /** Compiles a contract and keeps it under this number. */
  | { readonly kind: 'load'; readonly id: number; readonly contract: Contract }
  | { readonly kind: 'forget'; readonly id: number }
  | { readonly kind: 'check'; readonly id: number; readonly content: SentContent }
  /** Takes what the contract calls private out of entries. */
  | { readonly kind: 'redact'; readonly id: number; readonly entries: readonly string[] }
  /** Finds the values of some of the contract's columns in entries. */
  | {
      readonly kind: 'extract';
      readonly id: number;
      readonly entries: readonly string[];
      readonly columns: readonly string[];
    }
  /** Compiles a contract to see what is wrong with it, with its example. */
  | { readonly kind: 'compile'; readonly contract: Contract }
  | { readonly kind: 'compare'; readonly older: Contract; readonly newer: Contract }
  | { readonly kind: 'example'; readonly contract: Contract };

export interface Answers {
  readonly load: Scope;
  readonly forget: undefined;
  readonly check: Checked;
  readonly compile: readonly ContractMistake[];
  /** Their texts without it, in their order. */
  readonly redact: readonly string[];
  /** For each entry the values, in the order in which they were asked for. */
  readonly extract: readonly (readonly ContentValue[])[];
  /** What the newer refuses that the older accepted, and the other way round. */
  readonly compare: { readonly backward: readonly Break[]; readonly forward: readonly Break[] };
  /** The text of a content that the contract accepts. */
  readonly example: string | undefined;
}

export interface ThreadMessage {
  readonly tasks: readonly Task[];
}

export interface ThreadAnswer {
  /** One for each task, in their order, up to the first that failed: that has an error’s text. */
  readonly results: readonly ({ readonly value: Answers[Task['kind']] } | { readonly error: string })[];
  /** It has used so much memory, or met such trouble, that another one should take over. */
  readonly spent: boolean;
}
