import { expect } from 'chai';
import { totalmem } from 'node:os';
import { memoryOctets, settingsFor } from '../../src/store/embedded-settings.js';

const GIBI = 2 ** 30;

describe('the settings of the embedded Postgres', () => {
  it('give it an eighth of the memory for its buffers, within bounds', () => {
    const buffers = (memory: number): string | undefined => settingsFor(memory)['shared_buffers'];
    expect(buffers(GIBI / 2)).to.equal('128MB');
    expect(buffers(2 * GIBI)).to.equal('256MB');
    expect(buffers(4 * GIBI + 1)).to.equal('512MB');
    expect(buffers(64 * GIBI)).to.equal('4096MB');
  });

  it('are for no more memory than there is', () => {
    expect(memoryOctets()).to.be.within(1, totalmem());
  });
});
