import { createRequire } from 'node:module';
import type { ChosenSettings, FeedSettings, Workspace } from '../core/feed.js';
import type { DeclaredContract, DeclaredGrants, FeedsFile } from '../core/feeds-file.js';
import { compileChecks, parseJson } from './json/checked-json.js';

/** The package's own schemas, beside src as beside dist. Node 20 warns of an `import` of JSON. */
const load = createRequire(import.meta.url);

const checks = compileChecks({
  feed: load('../../schemas/api/feed.json') as Record<string, unknown>,
  workspace: load('../../schemas/api/workspace.json') as Record<string, unknown>,
  retired: load('../../schemas/api/schema-version.json') as Record<string, unknown>,
  contract: load('../../schemas/api/contract.json') as Record<string, unknown>,
  token: load('../../schemas/api/token.json') as Record<string, unknown>,
  principalGrants: load('../../schemas/api/principal-grants.json') as Record<string, unknown>,
  feedsFile: load('../../schemas/api/feeds-file.json') as Record<string, unknown>,
});

/** schemas/api/feed.json. No body at all is a feed with every setting's default. Refuses as `parseJson` and `Check` do. */
export function readFeedBody(bytes: Buffer): ChosenSettings {
  const value = bytes.length === 0 ? {} : parseJson(bytes);
  checks.feed(value, 'the body');
  return toSettings(value as ChosenSettings);
}

/** schemas/api/workspace.json */
export function readWorkspaceBody(bytes: Buffer): WorkspaceSettings {
  const value = bytes.length === 0 ? {} : parseJson(bytes);
  checks.workspace(value, 'the body');
  return workspaceSettings(value as WorkspaceSettings);
}

/** schemas/api/schema-version.json: the body of a PATCH. */
export function readRetiredBody(bytes: Buffer): { readonly retired: boolean } {
  const value = parseJson(bytes);
  checks.retired(value, 'the body');
  return value as { readonly retired: boolean };
}

/** schemas/api/feeds-file.json, of a value that was read from YAML or JSON. */
export function checkFeedsFile(value: unknown): FeedsFile<DeclaredContract> {
  checks.feedsFile(value, 'the feeds file');
  const file = value as { workspaces: SentWorkspace[] };
  return {
    workspaces: file.workspaces.map((workspace) => ({
      name: workspace.name,
      ...workspaceSettings(workspace),
      ...(workspace.grants === undefined ? {} : { grants: workspace.grants }),
      feeds: (workspace.feeds ?? []).map((feed) => ({
        name: feed.name,
        settings: toSettings(feed),
        ...(feed.contract === undefined ? {} : { contract: feed.contract }),
      })),
    })),
  };
}

type SentWorkspace = Workspace & { readonly grants?: readonly DeclaredGrants[]; readonly feeds?: readonly SentFeed[] };
type SentFeed = { name: string; contract?: DeclaredContract } & ChosenSettings;

const SETTINGS: Record<keyof FeedSettings, true> = {
  title: true,
  public: true,
  editable: true,
  limits: true,
  author: true,
  keepDays: true,
  keepEntries: true,
  inlineJson: true,
  compatibility: true,
};

/** What was chosen, and nothing else. */
function toSettings(body: ChosenSettings): ChosenSettings {
  return Object.fromEntries(Object.entries(body).filter(([name]) => Object.hasOwn(SETTINGS, name)));
}

type WorkspaceSettings = Omit<Workspace, 'name'>;

function workspaceSettings({ title, quotas }: WorkspaceSettings): WorkspaceSettings {
  return { ...(title === undefined ? {} : { title }), ...(quotas === undefined ? {} : { quotas }) };
}
