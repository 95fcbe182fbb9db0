/**
 * For tests that mostly wait: those of one lane are done one after the other, the lanes at the same time. To be called behind the
 * `before` that makes what they need.
 */
export function sideBySide(): (lane: number, title: string, work: () => Promise<void>) => void {
  const lanes: (() => Promise<void>)[][] = [];

  before(() => {
    for (const works of lanes.values())
      void (async () => {
        for (const work of works) await work();
      })();
  });

  return (lane, title, work) => {
    let settle: (outcome: Promise<void>) => void;
    const outcome = new Promise<void>((resolve) => (settle = resolve));
    // Whoever waits for it comes later.
    outcome.catch(() => undefined);
    (lanes[lane] ??= []).push(() => {
      const done = work();
      settle(done);
      return done.catch(() => undefined);
    });
    it(title, () => outcome);
  };
}
