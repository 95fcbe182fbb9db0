import { FeedsError } from '../core/errors.js';

/** `?dry-run=true`: everything is checked and nothing is written. */
export function isDryRun(url: string): boolean {
  return url.includes('dry-run') && flag(url, 'dry-run');
}

/** A parameter that is true or false, the latter when it is absent or empty. */
export function flag(url: string, name: string): boolean {
  const asked = parameter(url, name);
  if (asked === undefined || asked === 'false') return false;
  if (asked === 'true') return true;
  throw new FeedsError('bad-parameter', `${name} is "${asked.slice(0, 40)}", expected true or false`);
}

/** The first value of a parameter in a URL that is not empty. */
export function parameter(url: string, name: string): string | undefined {
  const at = url.indexOf('?');
  if (at < 0) return undefined;
  return new URLSearchParams(url.slice(at + 1)).getAll(name).find((value) => value !== '');
}
