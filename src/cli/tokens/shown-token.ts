/** One role, in everything, a workspace or a feed. */
export interface Grant {
  readonly role: string;
  readonly workspace?: string;
  readonly feed?: string;
}

/** A token as /admin/tokens shows it; itself only when it has just been made. */
export interface ShownToken {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly grants: readonly Grant[];
  readonly createdBy: string;
  readonly expiresAt?: string;
  readonly lastUsedAt?: string;
}

/** As it is given on the command line: `reader:shop/orders`. */
export function grantText({ role, workspace, feed }: Grant): string {
  if (workspace === undefined) return role;
  return `${role}:${workspace}${feed === undefined ? '' : `/${feed}`}`;
}

/** The date of a time, which is what matters of most. */
export function dateOf(time: string | undefined, never: string): string {
  return time?.slice(0, 10) ?? never;
}
