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
  /** How many breaks there are between them, those further in counted as one. */
  readonly distance: (older: ElementRule, newer: ElementRule) => number;
  /** Adds the breaks of an element. */
  readonly child: (older: ElementRule, newer: ElementRule, path: string) => void;
}
