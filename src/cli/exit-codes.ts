/** What a command ends with, so that a script can tell what to do next; docs/command-line.md lists them. */
export const EXIT = {
  done: 0,
  /** A bug of ours or the server's, a file that cannot be read: a person has to look. */
  failed: 1,
  /** Called wrongly. */
  usage: 2,
  /** The server cannot be reached, or cannot do it now: try again later. */
  unreachable: 3,
  /** Not with this token. */
  denied: 4,
  /** There is no such thing, or it is gone. */
  missing: 5,
  /** It does not go together with what is there. */
  conflict: 6,
  /** What was sent is wrong, or breaks the contract of its feed. */
  invalid: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What the server's refusal means for a script. */
export function exitCodeOf(status: number): ExitCode {
  switch (status) {
    case 401:
    case 403:
      return EXIT.denied;
    case 404:
    case 410:
      return EXIT.missing;
    case 409:
    case 412:
    case 428:
      return EXIT.conflict;
    case 400:
    case 413:
    case 415:
    case 422:
      return EXIT.invalid;
    case 408:
    case 429:
    case 502:
    case 503:
    case 504:
      return EXIT.unreachable;
    default:
      return EXIT.failed;
  }
}
