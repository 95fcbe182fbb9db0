import type { Position } from './entry.js';

/**
 * The log goes back only by a restore or a failover that lost commits. Its epoch changes then, so that places which
 * were given out before can be told from those after (docs/adr/0002).
 */
export interface Epochs {
  /** The first eight hex digits of the current epoch's uuid: what links and ETags carry. */
  readonly current: string;
  /** Ended epochs, oldest first, each with the last tick that it has in common with the present log. */
  readonly past: readonly { readonly epoch: string; readonly commonTick: bigint }[];
}

export function shortEpoch(uuid: string): string {
  return uuid.slice(0, 8);
}

/**
 * Up to which tick a place named in `epoch` means the same today: undefined when there is no bound (the current epoch).
 * A place without an epoch was given out in the first one. Of an epoch that this database has never heard of nothing is
 * known to be in common.
 */
export function commonTick(epochs: Epochs, epoch: string | undefined): bigint | undefined {
  if (epoch === epochs.current) return undefined;
  if (epoch === undefined) {
    const [first] = epochs.past;
    return first === undefined ? undefined : lowest(epochs.past);
  }
  const index = epochs.past.findIndex((one) => one.epoch === epoch);
  return index < 0 ? 0n : lowest(epochs.past.slice(index));
}

function lowest(past: Epochs['past']): bigint {
  return past.reduce((low, one) => (one.commonTick < low ? one.commonTick : low), past[0]?.commonTick ?? 0n);
}

/** What links carry beside a position: nothing while the log is in its first epoch. */
export function epochOfLinks(epochs: Epochs): string | undefined {
  return epochs.past.length === 0 ? undefined : epochs.current;
}

/** What is known of a feed's log at one moment. */
export interface LogState {
  readonly head: Position;
  readonly firstKept: Position;
  readonly epochs: Epochs;
}
