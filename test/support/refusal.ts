import { FeedsError } from '../../src/core/errors.js';

/** The refusal that some work ends with; anything else that it ends with is an error. */
export function refusalOf(work: () => unknown): FeedsError {
  try {
    work();
  } catch (error) {
    if (error instanceof FeedsError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
