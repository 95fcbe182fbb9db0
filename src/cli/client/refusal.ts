import { PROBLEM_JSON, parseMediaType } from '../../formats/media-types.js';
import type { Problem } from '../../formats/problem.js';

/** An answer of the server, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** The server has said no, or something in front of it has. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Headers;
  /** What is told of it (docs/errors.md); of what is not ours only a status and a title. */
  readonly problem: Pick<Problem, 'title' | 'status' | 'detail' | 'errors'> & Readonly<Record<string, unknown>>;

  constructor(answer: Answer, request: string) {
    const problem = problemOf(answer) ?? {
      type: 'about:blank',
      title: 'not an answer of Millrace',
      status: answer.status,
      detail: `${request} was answered ${String(answer.status)}${movedTo(answer)}`,
    };
    super(problem.detail);
    this.status = answer.status;
    this.headers = answer.headers;
    this.problem = problem;
  }

  /** The stable end of its type; undefined: it is not ours. */
  get code(): string | undefined {
    const { type } = this.problem;
    return typeof type === 'string' ? /^urn:millrace:problem:(.+)$/.exec(type)?.[1] : undefined;
  }
}

/** The server cannot be reached, or the connection to it was lost. */
export class Unreachable extends Error {
  /** To try again is of no use: its certificate is not trusted, say. */
  readonly isPermanent: boolean;

  constructor(message: string, isPermanent: boolean, cause: unknown) {
    super(message, { cause });
    this.isPermanent = isPermanent;
  }
}

function problemOf({ headers, body }: Answer): Problem | undefined {
  if (parseMediaType(headers.get('content-type') ?? '')?.type !== PROBLEM_JSON) return undefined;
  try {
    const value = JSON.parse(body) as Partial<Problem> | null;
    return typeof value?.title === 'string' && typeof value.detail === 'string' ? (value as Problem) : undefined;
  } catch {
    return undefined;
  }
}

function movedTo({ status, headers }: Answer): string {
  const location = headers.get('location');
  return status >= 300 && status < 400 && location !== null ? ` to ${location}: is that the --url?` : '';
}
