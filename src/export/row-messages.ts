import type { ErrorCode, ErrorDetails } from '../core/errors.js';
import type { ExportEnd, ExportedEntry } from '../core/export.js';
import type { BatchEnd } from '../core/named-export.js';
import type { BatchesWanted } from './batches.js';
import type { GivenRows, RowJob } from './row-stream.js';

/** What the server and the thread that writes rows say to each other, over a channel for each export. */

/** A job as it can be sent to a thread. */
export interface SentJob extends Omit<RowJob, 'wanted'> {
  readonly wanted: Omit<BatchesWanted, 'redact' | 'extract'>;
  /** Entries are sent back, to become what the caller sees, with the values that it wants. */
  readonly asks: boolean;
}

/** What the thread says. */
export type RowMessage =
  | { readonly kind: 'piece'; readonly octets: Uint8Array; readonly tookMs: number }
  | { readonly kind: 'entries'; readonly entries: readonly ExportedEntry[] }
  | { readonly kind: 'given'; readonly given: GivenRows }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What it is answered. */
export type RowAnswer =
  | { readonly kind: 'taken' }
  | { readonly kind: 'entries'; readonly entries: readonly ExportedEntry[] }
  | { readonly kind: 'end'; readonly end: ExportEnd | BatchEnd };

/** An error has no class behind a channel. */
export interface Failure {
  readonly message: string;
  readonly stack: string | undefined;
  /** Of a FeedsError. */
  readonly code: ErrorCode | undefined;
  readonly details: ErrorDetails;
}

/** Pieces that are on their way to who reads them. */
export const PIECES_AHEAD = 4;
