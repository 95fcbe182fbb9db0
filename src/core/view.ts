import { createHash } from 'node:crypto';

/** What of a feed somebody sees. */
export type View =
  /** All of it, by positions. */
  | { readonly kind: 'whole' }
  /** As whoever shows no credentials sees a public feed: nothing private. */
  | { readonly kind: 'open' }
  | TenantsView;

/** The entries of these tenants, nothing private, and nothing that tells of what is not theirs. */
export interface TenantsView {
  readonly kind: 'tenants';
  /** In order, each once. */
  readonly tenants: readonly string[];
}

export const WHOLE: View = { kind: 'whole' };
export const OPEN: View = { kind: 'open' };

export function tenantsView(tenants: readonly string[]): TenantsView {
  return { kind: 'tenants', tenants: [...new Set(tenants)].sort() };
}

/** The same for one tenant; undefined where the view does not hold it. */
export function viewOfTenant(view: View, tenant: string): TenantsView | undefined {
  if (view.kind === 'tenants' && !view.tenants.includes(tenant)) return undefined;
  return tenantsView([tenant]);
}

/** What tells views apart, as a part of other keys: one letter, and of tenants a digest. */
export function viewKey(view: View): string {
  if (view.kind !== 'tenants') return view.kind === 'whole' ? 'w' : 'o';
  const known = tenantsKeys.get(view);
  if (known !== undefined) return known;
  const key = `t${createHash('sha256').update(JSON.stringify(view.tenants)).digest('base64url').slice(0, 22)}`;
  tenantsKeys.set(view, key);
  return key;
}

/** A view lives as long as the grants that it comes by (access.ts), and is asked for its key by each poll. */
const tenantsKeys = new WeakMap<TenantsView, string>();
