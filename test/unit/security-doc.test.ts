import { expect } from 'chai';
import { existsSync, readFileSync, readdirSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

describe('docs/security.md', () => {
  const doc = read('docs/security.md');
  const rows = (heading: string): string[][] =>
    (doc.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '')
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(2)
      .map((line) => line.split('|').map((cell) => cell.trim()));

  it('names tests that exist for every promise', () => {
    const promises = rows('What is promised');
    expect(promises).to.have.length.above(10);
    for (const [, promise = '', tests = ''] of promises) {
      const files = [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
      expect(files, promise).to.have.length.above(0);
      for (const file of files) {
        expect(existsSync(new URL(file, ROOT)), `${promise}: ${file}`).to.equal(true);
        expect(read(file), file).to.match(/\bit\(/);
      }
    }
  });

  it('names every file that compares secrets, and no other', () => {
    const named = rows('Comparing secrets').map(([, , file = '']) => file.replaceAll('`', ''));
    const comparing = readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `src/${file}`)
      .filter((file) => read(file).includes('timingSafeEqual('));
    expect(named).to.have.members(comparing);
  });

  it('names the headers as they are', () => {
    const source = read('src/http/security-headers.ts').toLowerCase();
    for (const [, header = ''] of rows('Headers')) {
      const [, name = '', value] = /^`([\w-]+)(?:: ([^`]*))?`/.exec(header) ?? [];
      if (value === undefined || name === 'Cross-Origin-Opener-Policy') continue;
      expect(source, header).to.contain(name.toLowerCase()).and.to.contain(value.toLowerCase());
    }
  });
});
