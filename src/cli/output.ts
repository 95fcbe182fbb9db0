import type { Readable, Writable } from 'node:stream';
import type { Environment } from '../config.js';
import { StartError } from '../core/start-error.js';

/** What a command has around it: a process, or a test. */
export interface Surroundings {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Can a person be asked? */
  readonly isInteractive: boolean;
  /** Does stdout end at a terminal, which would obey what is written to it? */
  readonly isTerminal: boolean;
  /** Absent: that of the process. */
  readonly environment?: Environment;
  /** Aborted when a person or the system wants the command to end. Who never asks is ended by the signal itself. */
  interruption(): AbortSignal;
}

/** Whoever read our output has gone (`millrace tail | head`): who only reads has nothing more to do, and nothing to say. */
export class ReaderGone extends Error {}

/** What was done is done, but cannot be shown: the disk is full, say. */
export class Unwritable extends StartError {}

/** Resolves when the text has been handed to the system. @throws ReaderGone, Unwritable */
export async function write(to: Writable, text: string): Promise<void> {
  if (text === '') return;
  if (to.destroyed) throw new ReaderGone();
  try {
    await new Promise<void>((resolve, reject) => {
      to.write(text, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === 'EPIPE' ? new ReaderGone() : new Unwritable(`the output cannot be written: ${message}`);
  }
}
