import { readFileSync } from 'node:fs';
import type { FeedsFile } from '../actions/apply-feeds-file.js';
import type { FeedSettings, Workspace } from '../core/feed.js';
import { compileChecks, parseJson } from '../formats/checked-json.js';
import type { ChosenSettings } from '../store/feeds.js';

/** The package's own schemas: beside src as beside dist. */
const SCHEMAS = new URL('../../schemas/api/', import.meta.url);

const checks = compileChecks({
  feed: readSchema('feed.json'),
  workspace: readSchema('workspace.json'),
  feedsFile: readSchema('feeds-file.json'),
});

function readSchema(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(file, SCHEMAS), 'utf8')) as Record<string, unknown>;
}

/** schemas/api/feed.json. No body at all is a feed with every setting's default. Refuses as `parseJson` and `Check` do. */
export function readFeedBody(bytes: Buffer): ChosenSettings {
  const value = bytes.length === 0 ? {} : parseJson(bytes);
  checks.feed(value, 'the body');
  return toSettings(value as ChosenSettings);
}

/** schemas/api/workspace.json */
export function readWorkspaceBody(bytes: Buffer): Pick<Workspace, 'title'> {
  const value = bytes.length === 0 ? {} : parseJson(bytes);
  checks.workspace(value, 'the body');
  return withTitle(value as Pick<Workspace, 'title'>);
}

/** schemas/api/feeds-file.json, of a value that was read from YAML or JSON. */
export function checkFeedsFile(value: unknown): FeedsFile {
  checks.feedsFile(value, 'the feeds file');
  const file = value as { workspaces: (Workspace & { feeds?: ({ name: string } & ChosenSettings)[] })[] };
  return {
    workspaces: file.workspaces.map((workspace) => ({
      name: workspace.name,
      ...withTitle(workspace),
      feeds: (workspace.feeds ?? []).map((feed) => ({ name: feed.name, settings: toSettings(feed) })),
    })),
  };
}

const SETTINGS: Record<keyof FeedSettings, true> = {
  title: true,
  public: true,
  editable: true,
  limits: true,
  author: true,
  keepDays: true,
  keepEntries: true,
  inlineJson: true,
};

/** What was chosen, and nothing else. */
function toSettings(body: ChosenSettings): ChosenSettings {
  return Object.fromEntries(Object.entries(body).filter(([name]) => Object.hasOwn(SETTINGS, name)));
}

function withTitle({ title }: Pick<Workspace, 'title'>): Pick<Workspace, 'title'> {
  return title === undefined ? {} : { title };
}
