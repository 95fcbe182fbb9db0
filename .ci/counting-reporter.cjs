'use strict';

const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

const PATIENCE_SECONDS = 30;

/**
 * Mocha's spec reporter that also leaves its counts in the file named by `--reporter-option counts=FILE`, and fails a
 * run that something left behind by a test would keep from ending.
 */
module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures } = this.stats;
      writeFileSync(options.reporterOptions.counts, `${passes} passed, ${failures} failed\n`);
      setTimeout(() => {
        console.error(`something was still open ${PATIENCE_SECONDS} s after the last test`);
        // mocha sets the code at the exit, to the number of failures; this comes after it
        process.on('exit', (code) => {
          process.exitCode = code || 1;
        });
        process.exit();
      }, PATIENCE_SECONDS * 1000).unref();
    });
  }
};
