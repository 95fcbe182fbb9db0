import { expect } from 'chai';
import { NOBODYS, hashPassword, isPassword } from '../../../src/core/password.js';

describe('what is kept of a password', () => {
  it('tells it from others, and not what it is', async () => {
    const kept = await hashPassword('correct horse battery');
    expect(kept).to.match(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await isPassword('correct horse battery', kept)).to.be.true;
    for (const other of ['', 'correct horse batter', 'Correct horse battery', 'correct horse battery ']) {
      expect(await isPassword(other, kept), other).to.be.false;
    }
  });

  it('is another each time', async () => {
    expect(await hashPassword('the same one')).not.to.equal(await hashPassword('the same one'));
  });

  it('does not depend on how a keyboard writes a letter', async () => {
    expect(await isPassword('Mu\u0308hlgraben 7', await hashPassword('M\u00fchlgraben 7'))).to.be.true;
  });

  it('goes on being good with the parameters that it was made with', async () => {
    const older = '$scrypt$ln=4,r=8,p=1$c2FsdA$';
    expect(await isPassword('x', `${older}${'A'.repeat(43)}`)).to.be.false;
    expect(await isPassword('anything', NOBODYS)).to.be.false;
  });
});
