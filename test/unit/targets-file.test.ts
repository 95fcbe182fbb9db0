import { expect } from 'chai';
import type { FeedsError } from '../../src/core/errors.js';
import { checkTargetsFile } from '../../src/formats/target-settings.js';

const KEYS = { accessKeyId: 'id', secretAccessKey: { env: 'LAKE_SECRET' } };
const BUCKET = { kind: 's3', endpoint: 'http://127.0.0.1:9000/', bucket: 'lake', ...KEYS };

describe('a file of targets', () => {
  const variable = (name: string): string | undefined => ({ LAKE_SECRET: 'hidden', WAREHOUSE: 'nonsense' })[name];

  function mistakesOf(targets: object): string[] {
    try {
      checkTargetsFile({ targets }, variable);
    } catch (error) {
      return ((error as FeedsError).details.violations ?? []).map(({ path, message }) => `${path} ${message}`);
    }
    return [];
  }

  it('gives targets by their names, what is left out as is usual, and secrets out of the environment', () => {
    const url = 'postgresql://etl:hidden@db/warehouse';
    const settings = checkTargetsFile(
      {
        targets: {
          lake: { kind: 'directory', path: '/srv/lake' },
          bucket: { ...BUCKET, prefix: 'events' },
          warehouse: { kind: 'postgres', url },
        },
      },
      variable,
    );
    expect([...settings]).to.deep.equal([
      ['lake', { kind: 'directory', path: '/srv/lake' }],
      [
        'bucket',
        {
          kind: 's3',
          endpoint: 'http://127.0.0.1:9000',
          region: 'us-east-1',
          bucket: 'lake',
          prefix: 'events/',
          accessKeyId: 'id',
          secretAccessKey: 'hidden',
          pathStyle: true,
        },
      ],
      ['warehouse', { kind: 'postgres', url, table: 'millrace_events' }],
    ]);
  });

  it('that is wrong is told of by all its mistakes', () => {
    const mistakes = mistakesOf({
      lake: { kind: 'directory', path: 'lake' },
      bucket: { ...BUCKET, region: 7 },
      tape: { kind: 'tape' },
    });
    expect(mistakes.join('\n')).to.match(/\/targets\/lake\/path /);
    expect(mistakes.join('\n')).to.match(/\/targets\/bucket\/region /);
    expect(mistakes.join('\n')).to.match(/\/targets\/tape\/kind /);
  });

  it('is refused where a variable is not set, or an address is none', () => {
    expect(
      mistakesOf({
        bucket: { ...BUCKET, endpoint: 'ftp://lake', secretAccessKey: { env: 'NOT_SET' } },
        warehouse: { kind: 'postgres', url: { env: 'WAREHOUSE' } },
      }),
    ).to.deep.equal([
      '/targets/bucket/endpoint is no http or https URL without user, query and fragment',
      '/targets/bucket/secretAccessKey names NOT_SET, which is not set in the environment',
      '/targets/warehouse/url is something else (not shown), expected postgresql://user:password@host:5432/database',
    ]);
  });

  it('has no secret repeated in what is told of it', () => {
    const mistakes = mistakesOf({
      bucket: { ...BUCKET, secretAccessKey: 12345678 },
      warehouse: { kind: 'postgres', url: ['postgresql://hidden'] },
    });
    expect(mistakes).to.have.length.greaterThan(1);
    expect(mistakes.join('\n')).not.to.match(/12345678|hidden/);
  });
});
