import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/opt/google/chrome/chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Where a Chromium is: CHROMIUM_PATH, else the usual places; undefined: nowhere. */
function findBrowser(): string | undefined {
  const given = process.env['CHROMIUM_PATH'];
  return (given === undefined || given === '' ? USUAL_PLACES : [given]).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export interface TestBrowser {
  readonly browser: Browser;
  stop(): Promise<void>;
}

/**
 * A headless Chromium with nothing of anybody's in it. Where none is found the suite that asks for it in its `before` is
 * skipped and says why; with REQUIRE_BROWSER=1 it fails.
 */
export async function startBrowser(suite: Mocha.Context): Promise<TestBrowser> {
  const path = findBrowser();
  if (path === undefined) {
    const reason = 'no Chromium found: set CHROMIUM_PATH, or install one';
    if (process.env['REQUIRE_BROWSER'] === '1') throw new Error(reason);
    console.log(`      skipped: ${reason}`);
    suite.skip();
  }
  const home = mkdtempSync(join(tmpdir(), 'millrace-browser-'));
  // What a browser keeps outside of its profile goes there too.
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  const browser = await chromium.launch({
    executablePath: path,
    env,
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  return {
    browser,
    async stop() {
      await browser.close();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
