import type { RequestHandler } from 'express';
import { FeedsError } from '../../core/errors.js';

/** Refuses a path with a NUL in it: it can name nothing, and Postgres takes none in a text. */
export const legalPath: RequestHandler = (req, _res, next) => {
  if (req.path.includes('%00')) throw new FeedsError('bad-parameter', 'the path has a NUL (%00) in it');
  next();
};
