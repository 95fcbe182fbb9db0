import type { Load, ServerOptions, ServerUnderTest } from './processes.js';

/** What every measurement works with. */
export interface Bench {
  /** The Postgres that all of them use: the server under test and the references. */
  readonly postgres: string;
  /** Its postmaster. */
  readonly postgresPid: number;
  readonly load: Load;
  readonly rounds: number;
  /** Of one slice of a round. */
  readonly seconds: number;
  /** Entries of the feed that is called large. */
  readonly large: number;
  /** Starts the server under test on a database, once for each `name`; it is stopped after the last measurement. */
  server(name: string, options: Omit<ServerOptions, 'main'>): Promise<ServerUnderTest>;
  /** A database of this name, made at the first call by `make`; gives its URL. */
  database(name: string, make: () => Promise<string>): Promise<string>;
  /** For a person who waits. */
  say(text: string): void;
}
