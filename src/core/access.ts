import { isAuditFeed } from './audit.js';
import { OPEN, WHOLE, tenantsView } from './view.js';
import type { View } from './view.js';

/** Who may do what, and sees what. One function decides; everything else asks it. */

export const ROLES = ['admin', 'publisher', 'reader', 'exporter'] as const;

/**
 * `admin` may do everything, `publisher` publish, change and delete entries, `reader` read, `exporter` read and export.
 */
export type Role = (typeof ROLES)[number];

/** A role in a feed, in all feeds of a workspace, or, without a workspace, in everything. */
export interface Grant {
  readonly role: Role;
  readonly workspace?: string;
  readonly feed?: string;
  /** A reader or exporter that sees the entries of these tenants only; an empty list: of none. */
  readonly tenants?: readonly string[];
}

/** Who calls, however that was found out. */
export interface Principal {
  /** `token:` and an id, `user:` and a name, `jwt:` and a subject, `keystone:` and the id of a user. */
  readonly name: string;
  readonly grants: readonly Grant[];
}

/** Who does something, and, where it came over the network, from which address. */
export interface Actor extends Pick<Principal, 'name'> {
  readonly address?: string | undefined;
}

/**
 * How somebody may show who it is: a bearer token of ours, a name and a password, a JWT of an issuer, or a token of a Keystone. A bearer
 * token may always be the admin's.
 */
export const WAYS_IN = ['token', 'basic', 'jwt', 'keystone'] as const;
export type WayIn = (typeof WAYS_IN)[number];

/** Whoever shows no credentials. */
export const ANONYMOUS: Principal = { name: 'anonymous', grants: [] };

/** Whoever holds the server's own admin token. */
export const ADMIN: Principal = { name: 'admin', grants: [{ role: 'admin' }] };

/** What does something without being asked by anybody: the server itself, and the file that FEEDS_FILE names. */
export const SERVER: Actor = { name: 'server' };
export const FEEDS_FILE: Actor = { name: 'file' };

/** `describe` is to see what may be published: the contract, and what the feed takes. */
export type Act = 'describe' | 'read' | 'publish' | 'export' | 'administer';

const ACTS: Readonly<Record<Role, readonly Act[]>> = {
  admin: ['describe', 'read', 'publish', 'export', 'administer'],
  publisher: ['describe', 'publish'],
  reader: ['describe', 'read'],
  exporter: ['describe', 'read', 'export'],
};

/** What is to be done something with: a feed, a workspace, or, without either, everything. */
export interface Target {
  readonly workspace?: string | undefined;
  readonly feed?: string | undefined;
  /** A feed that anyone may read. */
  readonly public?: boolean;
}

/** The last three are what the caller is told, as 401, 403 and 404. */
export type Decision = 'allowed' | 'unauthorized' | 'forbidden' | 'unknown';

/**
 * May the caller do this? Without credentials, nothing but to read what is public. Who has some and not the right ones is told
 * so where it may know of the target, by a grant in it or because it is public; else the target is unknown.
 */
export function decide(principal: Principal, act: Act, target: Target): Decision {
  if ((act === 'read' || act === 'describe') && target.public === true) return 'allowed';
  const isGranted = principal.grants.some((grant) => covers(grant, target) && lets(grant, act));
  if (isGranted && !isServersAlone(act, target)) return 'allowed';
  if (principal === ANONYMOUS) return 'unauthorized';
  return knows(principal, target) ? 'forbidden' : 'unknown';
}

/** What nobody is granted: an audit feed that others write to tells nothing. */
export function isServersAlone(act: Act, { workspace = '', feed = '' }: Target): boolean {
  return act === 'publish' && isAuditFeed({ workspace, name: feed });
}

/** May the caller know that it is there? Of a workspace knows who may do something in one of its feeds. */
export function knows({ grants }: Principal, target: Target): boolean {
  return target.public === true || grants.some((grant) => covers(grant, target) || isWithin(grant, target));
}

/**
 * What of a feed the caller sees, once it may read it. Who is bound to tenants sees theirs, even of what is public; who has no
 * grant to read by sees what anyone does.
 */
export function viewOf({ grants }: Principal, target: Target): View {
  if (grants.length === 0) return OPEN;
  const last = lastViews.get(grants);
  if (last !== undefined && last.workspace === target.workspace && last.feed === target.feed) return last.view;
  const view = viewBy(grants, target);
  lastViews.set(grants, { workspace: target.workspace, feed: target.feed, view });
  return view;
}

/** Who polls asks of one feed again and again, by the same grants. */
const lastViews = new WeakMap<readonly Grant[], Pick<Target, 'workspace' | 'feed'> & { readonly view: View }>();

function viewBy(grants: readonly Grant[], target: Target): View {
  const reading = grants.filter((grant) => covers(grant, target) && lets(grant, 'read'));
  if (reading.length === 0) return OPEN;
  if (reading.some(({ tenants }) => tenants === undefined)) return WHOLE;
  return tenantsView(reading.flatMap(({ tenants = [] }) => tenants));
}

/** Is there anything that the caller may export? */
export function exportsSome({ grants }: Principal): boolean {
  return grants.some((grant) => lets(grant, 'export'));
}

/**
 * May the caller pull what is exported under a name? Who may export all that its patterns name, and sees all of it: a batch is the same
 * for everybody. Whether there is such an export may know who has some right in all that it names.
 */
export function decideNamedExport(principal: Principal, targets: readonly Target[]): Decision {
  const { grants } = principal;
  const hasAll = (is: (grant: Grant) => boolean): boolean =>
    targets.every((target) => grants.some((grant) => covers(grant, target) && is(grant)));
  if (hasAll((grant) => grant.tenants === undefined && lets(grant, 'export'))) return 'allowed';
  if (principal === ANONYMOUS) return 'unauthorized';
  return hasAll(() => true) ? 'forbidden' : 'unknown';
}

/** Nobody gives more than they have. */
export function mayGrant(by: Principal, { workspace, feed }: Grant): boolean {
  return decide(by, 'administer', { workspace, feed }) === 'allowed';
}

/** Who does may see, change and revoke what has these grants. */
export function administersAll(by: Principal, grants: readonly Grant[]): boolean {
  return grants.length > 0 && grants.every((grant) => mayGrant(by, grant));
}

/** Bound to tenants nobody does more than read. */
function lets({ role, tenants }: Grant, act: Act): boolean {
  if (tenants !== undefined && (act === 'publish' || act === 'administer')) return false;
  return ACTS[role].includes(act);
}

/** Is the target all, or a part, of what was granted? */
function covers(grant: Grant, { workspace, feed }: Target): boolean {
  if (grant.workspace === undefined) return true;
  return grant.workspace === workspace && (grant.feed === undefined || grant.feed === feed);
}

function isWithin(grant: Grant, { workspace, feed }: Target): boolean {
  return feed === undefined && (workspace === undefined || grant.workspace === workspace);
}
