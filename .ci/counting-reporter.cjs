'use strict';

const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/** Mocha's spec reporter that also leaves its counts in the file named by `--reporter-option counts=FILE`. */
module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures } = this.stats;
      writeFileSync(options.reporterOptions.counts, `${passes} passed, ${failures} failed\n`);
    });
  }
};
