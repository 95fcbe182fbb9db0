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

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('it did not reject');
}
