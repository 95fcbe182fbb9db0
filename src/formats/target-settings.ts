import { createRequire } from 'node:module';
import { FeedsError } from '../core/errors.js';
import type { Violation } from '../core/errors.js';
import type { PostgresTarget, S3Target, TargetSettings, TargetsSettings } from '../core/target-settings.js';
import { compileChecks } from './json/checked-json.js';
import { pointerPart } from './json/json-text.js';

const load = createRequire(import.meta.url);
const checks = compileChecks({
  targetsFile: load('../../schemas/api/targets-file.json') as Record<string, unknown>,
});

interface TargetsFile {
  readonly targets: Readonly<Record<string, Section>>;
}

type Secret = string | { readonly env: string };

type Section =
  | Extract<TargetSettings, { kind: 'directory' }>
  | (Pick<S3Target, 'kind' | 'endpoint' | 'bucket'> &
      Partial<Pick<S3Target, 'region' | 'prefix' | 'pathStyle'>> & {
        readonly accessKeyId: Secret;
        readonly secretAccessKey: Secret;
      })
  | (Pick<PostgresTarget, 'kind'> & Partial<Pick<PostgresTarget, 'table'>> & { readonly url: Secret });

/**
 * schemas/api/targets-file.json, of a value that was read from YAML or JSON. Throws `invalid-body`, whose violations name every mistake,
 * and repeat no secret.
 * @param variable what an environment variable is set to
 */
export function checkTargetsFile(value: unknown, variable: (name: string) => string | undefined): TargetsSettings {
  try {
    checks.targetsFile(value, 'the file');
  } catch (error) {
    throw error instanceof FeedsError ? withoutSecrets(error) : error;
  }
  const mistakes: Violation[] = [];
  const targets = new Map(
    Object.entries((value as TargetsFile).targets).map(([name, section]): [string, TargetSettings] => [
      name,
      toSettings(section, `/targets${pointerPart(name)}`),
    ]),
  );
  if (mistakes.length > 0) throw new FeedsError('invalid-body', 'the file is wrong', { violations: mistakes });
  return targets;

  function toSettings(section: Section, path: string): TargetSettings {
    switch (section.kind) {
      case 'directory':
        return section;
      case 's3': {
        const { prefix = '' } = section;
        return {
          region: 'us-east-1',
          pathStyle: true,
          ...section,
          endpoint: endpointOf(section.endpoint, `${path}/endpoint`),
          prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`,
          accessKeyId: secretOf(section.accessKeyId, `${path}/accessKeyId`),
          secretAccessKey: secretOf(section.secretAccessKey, `${path}/secretAccessKey`),
        };
      }
      case 'postgres': {
        const url = secretOf(section.url, `${path}/url`);
        if (url !== '' && !/^postgres(ql)?:\/\/\S+$/.test(url)) {
          const message = 'is something else (not shown), expected postgresql://user:password@host:5432/database';
          mistakes.push({ path: `${path}/url`, message });
        }
        return { table: 'millrace_events', ...section, url };
      }
    }
  }

  function secretOf(secret: Secret, path: string): string {
    if (typeof secret === 'string') return secret;
    const found = variable(secret.env)?.trim() ?? '';
    if (found === '') mistakes.push({ path, message: `names ${secret.env}, which is not set in the environment` });
    return found;
  }

  function endpointOf(text: string, path: string): string {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isOne = url !== undefined && /^https?:$/.test(url.protocol) && url.username === '';
    if (!isOne || url.search !== '' || url.hash !== '') {
      mistakes.push({ path, message: 'is no http or https URL without user, query and fragment' });
      return '';
    }
    return url.href.replace(/\/+$/, '');
  }
}

/** Where a secret stands no message may tell what it is. */
function withoutSecrets(error: FeedsError): FeedsError {
  const violations = (error.details.violations ?? []).map(({ path, message, expected }): Violation => {
    const isSecret = /\/(?:url|accessKeyId|secretAccessKey)$/.test(path);
    return {
      path,
      message: isSecret ? `is something else (not shown), expected ${expected ?? 'a text or {env: NAME}'}` : message,
    };
  });
  return new FeedsError('invalid-body', 'the file is wrong', { violations });
}
