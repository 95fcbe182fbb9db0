/** A version of a contract as `…/schemas` lists it. */
export interface ShownVersion {
  readonly version: number;
  readonly kind: string;
  readonly state: string;
  readonly createdAt: string;
  readonly url: string;
}
