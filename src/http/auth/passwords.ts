import { hashPassword, isPassword } from '../../core/password.js';
import { makeTurns } from '../turns.js';

/** Working out passwords, a few at a time: each takes 32 MiB, and one of the four threads that compressing and files need too. */
export interface Passwords {
  /** Both reject with `overloaded` when too many wait. */
  hash(password: string): Promise<string>;
  isRight(password: string, kept: string): Promise<boolean>;
}

const AT_ONCE = 2;
const MOST_WAITING = 20;

export function makePasswords(): Passwords {
  const turns = makeTurns(AT_ONCE, MOST_WAITING, 'too many passwords wait to be worked out');
  return {
    hash: (password) => turns.run(() => hashPassword(password)),
    isRight: (password, kept) => turns.run(() => isPassword(password, kept)),
  };
}
