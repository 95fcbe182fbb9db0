import { FeedsError } from '../core/errors.js';

/** `?dry-run=true`: everything is checked and nothing is written. An empty parameter is an absent one. */
export function isDryRun(url: string): boolean {
  if (!url.includes('dry-run')) return false;
  const asked = parameter(url, 'dry-run');
  if (asked === undefined || asked === 'false') return false;
  if (asked === 'true') return true;
  throw new FeedsError('bad-parameter', `dry-run is "${asked.slice(0, 40)}", expected true or false`);
}

/** The first value of a parameter in a URL that is not empty. */
export function parameter(url: string, name: string): string | undefined {
  const at = url.indexOf('?');
  if (at < 0) return undefined;
  return new URLSearchParams(url.slice(at + 1)).getAll(name).find((value) => value !== '');
}
