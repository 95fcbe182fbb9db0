/** Waits for something of somebody else's, which may never come to an end. */
export interface Patience {
  /**
   * What the work comes to. Rejects, and leaves it to itself, when it was not told for too long that it moves, or it is to stop; then `moves`
   * throws. Rejects at once while what was left to itself is still at it: it must not become more and more.
   */
  wait<T>(work: (moves: () => void) => Promise<T>): Promise<T>;
  isHanging(): boolean;
}

const LOOKS = 10;

export function keepMoving(mostMs: number, stopping: AbortSignal): Patience {
  let hanging = false;
  return { wait, isHanging: () => hanging };

  async function wait<T>(work: (moves: () => void) => Promise<T>): Promise<T> {
    if (hanging) throw new Error('the target is still at what it was given before, and is not given more');
    let moved = performance.now();
    let over: Error | undefined;
    let timer: NodeJS.Timeout | undefined;
    let stop: (() => void) | undefined;
    const given = new Promise<never>((_resolve, reject) => {
      const end = (error: Error): void => {
        over = error;
        reject(error);
      };
      timer = setInterval(() => {
        if (performance.now() - moved < mostMs) return;
        end(new Error(`the target has not taken anything for ${String(mostMs / 1000)} s`));
      }, mostMs / LOOKS);
      stop = () => {
        end(new Error('the server stops'));
      };
      stopping.addEventListener('abort', stop);
    });
    hanging = true;
    const working = work(() => {
      if (over !== undefined) throw over;
      moved = performance.now();
    }).finally(() => {
      hanging = false;
    });
    working.catch(() => undefined);
    try {
      return await Promise.race([working, given]);
    } finally {
      clearInterval(timer);
      if (stop !== undefined) stopping.removeEventListener('abort', stop);
    }
  }
}
