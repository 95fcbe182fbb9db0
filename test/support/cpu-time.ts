/** Milliseconds that this process has computed so far. That a busy machine lets it wait does not count. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
