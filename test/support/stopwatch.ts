import { cpuTime } from './cpu-time.js';

/**
 * Milliseconds from now on, of which neither what a busy machine lets this process wait nor what its other threads compute meanwhile
 * counts.
 */
export function stopwatch(): () => number {
  const [at, computed] = [performance.now(), cpuTime()];
  return () => Math.min(performance.now() - at, cpuTime() - computed);
}
