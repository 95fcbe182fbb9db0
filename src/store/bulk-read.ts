import type { Pool, Submittable } from 'pg';
import type { Utf8Room } from '../core/utf8.js';

/** Reads what a query gives into the room, by COPY in its binary format. */
export async function copyOut(pool: Pool, text: string, into: Utf8Room): Promise<void> {
  into.end = 0;
  const client = await pool.connect();
  try {
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        if (error === undefined) resolve();
        else reject(error);
      };
      client.query(new CopyOut(`copy (${text}) to stdout (format binary)`, into, settle));
    });
    client.release();
  } catch (error) {
    // Whatever else comes would find nobody.
    client.release(true);
    throw error;
  }
}

/**
 * Like a query of the driver, which tells what comes by these methods and has its time-out call `callback`. The octets are not what they are any more
 * when the next come, and so are taken at once.
 */
class CopyOut implements Submittable {
  callback: (error?: Error) => void;
  private readonly text: string;
  private readonly into: Utf8Room;

  constructor(text: string, into: Utf8Room, callback: (error?: Error) => void) {
    this.text = text;
    this.into = into;
    this.callback = callback;
  }

  submit(connection: { query(text: string): void }): void {
    connection.query(this.text);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.into.add(chunk);
  }

  handleReadyForQuery(): void {
    this.callback();
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleCommandComplete(): void {
    // The connection tells when it is ready.
  }
}
