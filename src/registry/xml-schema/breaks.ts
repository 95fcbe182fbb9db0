import type { ContentModel, ElementRule, Pools } from './content-model.js';

/** Where a comparison leaves what it finds, and asks about what is further in. */
export interface Breaks {
  readonly older: ContentModel;
  readonly newer: ContentModel;
  readonly pools: Pools;
  /** Only whether there is a break is of interest: the first one ends the comparison. */
  readonly isDecision: boolean;
  readonly add: (rule: string, path: string, message: string) => void;
  /** Is every element that the one rule accepts accepted by the other? */
  readonly fits: (older: ElementRule, newer: ElementRule) => boolean;
  /** How many breaks there are between them, those of each element further in counted as one. */
  readonly distance: (older: ElementRule, newer: ElementRule) => number;
  /** Adds the breaks of an element. */
  readonly child: (older: ElementRule, newer: ElementRule, path: string) => void;
}

/** The candidate for which there are the fewest. */
export function nearest<T>(candidates: readonly T[], count: (candidate: T) => number): T | undefined {
  const [first] = candidates;
  if (candidates.length < 2) return first;
  return candidates
    .map((candidate) => ({ candidate, count: count(candidate) }))
    .reduce((best, each) => (each.count < best.count ? each : best)).candidate;
}
