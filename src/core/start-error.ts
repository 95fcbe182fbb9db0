/**
 * The server cannot start, and a person can mend it: shown on one screen, without a stack.
 * The message says what is wrong, the hint what to do about it.
 */
export class StartError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StartError';
    this.hint = options.hint;
  }
}
