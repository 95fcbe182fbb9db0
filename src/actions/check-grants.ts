import { mayGrant } from '../core/access.js';
import type { Grant, Principal } from '../core/access.js';
import { FeedsError } from '../core/errors.js';
import { checkName } from '../core/feed.js';

/**
 * Nobody gives more than they have. Throws `bad-parameter` for a name that no workspace or feed can have, and `forbidden`. That what is
 * named is there is not asked.
 */
export function checkGrants(by: Principal, grants: readonly Grant[]): void {
  for (const grant of grants) {
    if (grant.workspace !== undefined) checkName('workspace', grant.workspace);
    if (grant.feed !== undefined) checkName('feed', grant.feed);
    if (mayGrant(by, grant)) continue;
    const where = [grant.workspace, grant.feed].filter((part) => part !== undefined).join('/');
    const message = `to grant "${grant.role}" in ${where === '' ? 'everything' : where} one has to administer that`;
    throw new FeedsError('forbidden', message);
  }
}
