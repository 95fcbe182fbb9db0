import type { TargetSettings } from '../../core/target-settings.js';
import { makeDirectoryTarget } from './directory.js';
import { makePostgresTarget } from './postgres.js';
import { makeS3Target } from './s3.js';
import type { Target } from './target.js';

export function makeTarget(settings: TargetSettings): Target {
  switch (settings.kind) {
    case 'directory':
      return makeDirectoryTarget(settings);
    case 's3':
      return makeS3Target(settings);
    case 'postgres':
      return makePostgresTarget(settings);
  }
}
