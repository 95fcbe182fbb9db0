import type { Request } from 'express';

/** RFC 6750 §2.1: a token in the Authorization header. In a URL or a body it is not taken: there it would be logged. */
export function bearerToken({ headers }: Pick<Request, 'headers'>): string | undefined {
  return /^Bearer +([\x21-\x7e]+) *$/i.exec(headers.authorization ?? '')?.[1];
}
