import { activeVersion, versionNumbered } from '../core/contract.js';
import type { ContentPlace, ContractVersion, Finding } from '../core/contract.js';
import type { EntryDraft } from '../core/entry.js';
import type { FeedsError, Violation } from '../core/errors.js';
import type { Feed } from '../core/feed.js';
import { normaliseTerm } from '../core/search.js';
import type { Teller } from '../formats/content-places.js';
import { contentFor } from '../formats/contract-content.js';
import { shorten } from '../formats/text.js';
import { MOST_VIOLATIONS, contractViolated } from '../formats/violations.js';
import { isChar } from '../formats/xml/xml-chars.js';
import { readContract } from '../store/contracts.js';
import type { Accepted, PreparedEntry } from './new-entry.js';
import type { Services } from './services.js';
import { inTurn } from './turns.js';

/** What is wrong with an entry of those that were sent, counted from 0. */
export interface Fault {
  readonly index: number;
  readonly finding: Finding;
}

export type Checked = { readonly accepted: readonly Accepted[] } | { readonly faults: readonly Fault[] };

interface Refused {
  readonly findings: readonly Finding[];
}

type CheckDeps = Pick<Services, 'db' | 'checkers' | 'metrics' | 'turns'>;

/** Is there anything to check? Nearly all publishes of feeds without a contract need not wait for an answer. */
export function isCheckNeeded(feed: Feed, entries: readonly PreparedEntry[]): boolean {
  return feed.contracts.length > 0 || entries.some(({ draft }) => draft.describedBy !== undefined);
}

/** Entries of one request that are checked at the same time. */
const AT_ONCE = 64;

/**
 * Checks entries against the contract of their feed, each against the version that it names, or the active one. Once one of
 * them cannot be checked in time the rest is not looked at: they are refused together.
 */
export async function checkContract(deps: CheckDeps, feed: Feed, entries: readonly PreparedEntry[]): Promise<Checked> {
  // One is over when it is: to make a signal takes a while.
  const over = entries.length > 1 ? new AbortController() : undefined;
  const results: (Accepted | Refused)[] = [];
  for (let at = 0; at < entries.length && over?.signal.aborted !== true; at += AT_ONCE) {
    const group = entries.slice(at, at + AT_ONCE).map((entry) => checkOne(deps, feed, entry, over));
    try {
      results.push(...(await Promise.all(group)));
    } catch (error) {
      over?.abort();
      throw error;
    }
  }
  const faults = results.flatMap((result, index) =>
    'findings' in result ? result.findings.map((finding) => ({ index, finding })) : [],
  );
  if (faults.length > 0) return { faults };
  return { accepted: results.flatMap((result) => ('findings' in result ? [] : [result])) };
}

/** The refusal, with each place told in the form of what was sent. */
export function refusalOf(faults: readonly Fault[], tell: Teller): FeedsError {
  // To find a place takes time: of those that will not be told it is not looked for.
  const violations = faults.slice(0, MOST_VIOLATIONS).map(({ index, finding: { place, ...said } }): Violation => {
    const { path, ...where } = tell(index, place);
    return { path: shorten(path, PATH_CHARACTERS), ...where, ...said };
  });
  return contractViolated(violations, faults.length);
}

/** Names in it may be as long as an entry. */
const PATH_CHARACTERS = 1_000;

const WHOLE: ContentPlace = { kind: 'entry' };
const NO_TERMS: readonly string[] = [];

async function checkOne(
  deps: CheckDeps,
  feed: Feed,
  { draft, xml }: PreparedEntry,
  over: AbortController | undefined,
): Promise<Accepted | Refused> {
  const version = draft.describedBy === undefined ? activeVersion(feed.contracts) : named(feed, draft.describedBy);
  if (version === undefined) return { version: undefined, terms: NO_TERMS };
  if ('findings' in version) return version;
  const content = await inTurn(xml.length, deps.turns.bodies, () => contentFor(version.kind, draft, xml));
  if (typeof content === 'string') return { findings: [{ place: WHOLE, message: content }] };
  const { id } = version;
  const contract = { id, contract: () => readContract(deps.db, id) };
  const checked = await deps.checkers.check(contract, content, over?.signal);
  if ('cutOff' in checked) {
    // What was given up because of another one has no fault of its own.
    if (over?.signal.aborted === true) return { findings: [] };
    over?.abort();
    deps.metrics.contractCheck('cut-off');
    const message = `whether it keeps to version ${String(version.version)} of the contract cannot be told: ${checked.cutOff}`;
    return { findings: [{ place: WHOLE, message }] };
  }
  const { terms } = checked;
  const findings = [...checked.findings, ...contradictions(draft, terms), ...excesses(feed, draft, terms)];
  deps.metrics.contractCheck(findings.length > 0 ? 'breaks' : 'fits');
  return findings.length > 0 ? { findings } : { version: version.version, terms: newTerms(draft, terms) };
}

/** The version that the entry names; only what is still accepted counts. */
function named(feed: Feed, text: string): ContractVersion | Refused {
  const version = versionNumbered(feed.contracts, text);
  if (version?.retired === false) return version;
  const accepted = feed.contracts.filter(({ retired }) => !retired).map((one) => String(one.version));
  const what = version === undefined ? 'does not exist' : 'is retired';
  return {
    findings: [
      {
        place: WHOLE,
        message: `it names version ${text.slice(0, 40)} of the contract, which ${what}`,
        expected: accepted.length === 0 ? 'none: there is no contract' : `one of the versions ${accepted.join(', ')}`,
        found: text.slice(0, 40),
      },
    ],
  };
}

/** A publisher's category of a prefix that the contract takes from the content says the same as the content, or nothing. */
function contradictions(draft: EntryDraft, terms: readonly string[]): Finding[] {
  const byPrefix = grouped(terms);
  const findings: Finding[] = [];
  for (const term of draft.terms) {
    const extracted = byPrefix.get(prefixOf(term));
    if (extracted === undefined || extracted.some((one) => normaliseTerm(one) === normaliseTerm(term))) continue;
    const expected = extracted.join(' or ');
    const message = `the category "${term.slice(0, 100)}" contradicts the content, which makes it ${expected.slice(0, 200)}`;
    findings.push({ place: WHOLE, message, expected: expected.slice(0, 200), found: term.slice(0, 100) });
  }
  return findings;
}

/** What is true of the categories that a publisher sends is true of those of the content: they fit the feed, and XML. */
function excesses({ settings: { limits } }: Feed, draft: EntryDraft, terms: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  for (const term of terms) {
    const said = `the content makes the category "${shown(term)}"`;
    if ([...term].length > limits.categoryLength) {
      const message = `${said}, longer than the ${String(limits.categoryLength)} characters that this feed takes`;
      findings.push({ place: WHOLE, message });
    } else if (!isXmlText(term)) {
      findings.push({ place: WHOLE, message: `${said}, with a character that XML cannot carry` });
    }
  }
  const added = newTerms(draft, terms).length;
  const count = draft.terms.length + added;
  if (added > 0 && count > limits.categories) {
    const message = `with the ${String(added)} of its content it has ${String(count)} categories; this feed takes at most ${String(limits.categories)} in an entry`;
    findings.push({ place: WHOLE, message });
  }
  return findings;
}

function shown(term: string): string {
  return shorten(term, 60).replaceAll(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, '\ufffd');
}

/** XML 1.0 §2.2; in this place white space is a space. */
function isXmlText(text: string): boolean {
  for (const character of text) {
    if (!isChar(character.codePointAt(0) ?? 0)) return false;
  }
  return true;
}

function grouped(terms: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const term of terms) groups.set(prefixOf(term), [...(groups.get(prefixOf(term)) ?? []), term]);
  return groups;
}

/** Up to and including the first colon, without regard to case. */
function prefixOf(term: string): string {
  return term.slice(0, term.indexOf(':') + 1).toLowerCase();
}

function newTerms(draft: EntryDraft, terms: readonly string[]): readonly string[] {
  if (terms.length === 0) return NO_TERMS;
  const sent = new Set(draft.terms.map(normaliseTerm));
  return [...new Set(terms)].filter((term) => !sent.has(normaliseTerm(term)));
}
