import type { Expression, Expressions } from './expression.js';
import type { NameClass, QualifiedName } from './name-class.js';
import type { SimpleType } from './simple-types.js';

/** What a schema of either language says, in one form. Shapes are made when asked for, since types can be recursive. */
export interface ContentModel {
  /** What the whole content is: one of the elements. */
  readonly start: Expression<Particle>;
  /** Does some value have to be the ID of something else, as far as the model has been looked at? */
  readonly hasReferences: () => boolean;
  /** Elements that are declared and may not appear themselves. */
  readonly abstract: readonly QualifiedName[];
  /** Names that a wildcard treats otherwise than what is not mentioned at all. */
  readonly declaredElements: readonly QualifiedName[];
  readonly declaredAttributes: readonly QualifiedName[];
}

/** Where the expressions are made; one for all that is compared. */
export interface Pools {
  readonly particles: Expressions<Particle>;
  readonly values: Expressions<SimpleType>;
}

/** A symbol of a content model: an element, or character data other than white space. */
export type Particle = ElementParticle | typeof TEXT;

export interface ElementParticle {
  readonly kind: 'element';
  readonly names: NameClass;
  /** What must be true of an element of this name, which is one of `names`; undefined when there may be none. */
  readonly rule: (name: QualifiedName) => ElementRule | undefined;
}

export const TEXT = { kind: 'text' } as const;

export interface ElementRule {
  readonly nillable: boolean;
  readonly fixed: string | undefined;
  readonly default: string | undefined;
  readonly shape: () => Shape;
  /** The types that xsi:type may name, properly derived from the declared one. */
  readonly derived: () => ReadonlyMap<string, Shape>;
  /** Keys, references to keys, and what must be unique, each in a form that can be compared. */
  readonly constraints: readonly string[];
}

export interface Shape {
  /** Must be replaced by a derived type. */
  readonly abstract: boolean;
  /** An element fits one of them; 'anything' is what is not looked at. */
  readonly alternatives: () => readonly Alternative[] | 'anything';
}

export interface Alternative {
  readonly attributes: readonly AttributeRule[];
  readonly content: Content;
}

export type Content =
  | { readonly kind: 'simple'; readonly type: SimpleType }
  | { readonly kind: 'children'; readonly expression: Expression<Particle> };

export interface AttributeRule {
  readonly names: NameClass;
  readonly required: boolean;
  readonly fixed: string | undefined;
  readonly default: string | undefined;
  /** The type of an attribute of this name, which is one of `names`; undefined when there may be none. */
  readonly type: (name: QualifiedName) => SimpleType | undefined;
}
