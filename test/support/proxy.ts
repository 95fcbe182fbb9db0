import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import { join } from 'node:path';

/** Between a server and its Postgres: a network that can fail. */
export interface Proxy {
  /** What reaches the same database through the proxy. */
  readonly url: string;
  /** Ends every connection at once; new ones are let through. */
  cut(): void;
  /** Refuses new connections, and ends those that there are. */
  refuse(refused: boolean): void;
  /** Nothing passes, nobody is told; what is sent meanwhile arrives when it is over. */
  stall(stalled: boolean): void;
  /** The connections that LISTEN pass nothing any more and never end; all others work. */
  forgetListeners(): void;
  /** Ends the connections that LISTEN. */
  cutListeners(): void;
  /** The next commits: Postgres gets them, their answers are lost and the connection with them. Counts down. */
  cutAfterCommit(times: number): void;
  readonly commitsCut: number;
  /** Is shown each piece that a node sends, and says whether the connection ends there: before that has arrived, or after. */
  watch(look: (piece: Buffer) => 'cut' | 'deliver and cut' | undefined): void;
  /**
   * Resolves when a node is about to send the prepared statement of this name, or a `copy`, which is then withheld, with all that
   * follows on its connection, until `release` is called; what was sent before it is let through. With `bytes` so many
   * of the piece that it is in are let through; with `including` only one that has this text in that piece counts.
   */
  hold(statement: string, options?: { bytes?: number; including?: string }): Promise<{ release(): void }>;
  stop(): Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  listens: boolean;
  forgotten: boolean;
  held: Buffer[] | undefined;
  /** Of what is held so many bytes are still let through. */
  passing: number;
  losing: boolean;
}

/** `url` is a test database's; its Postgres may listen on a unix socket. */
export async function startProxy(url: string): Promise<Proxy> {
  const target = targetOf(url);
  const links = new Set<Link>();
  let refused = false;
  let stalled = false;
  let toCut = 0;
  let commitsCut = 0;
  let watcher: (piece: Buffer) => 'cut' | 'deliver and cut' | undefined = () => undefined;
  let holding: { statement: string; bytes: number; including: string; caught: (link: Link) => void } | undefined;

  const listener = createServer((client) => {
    if (refused) {
      client.destroy();
      return;
    }
    const server = connect(target);
    const link: Link = { client, server, listens: false, forgotten: false, held: undefined, passing: 0, losing: false };
    links.add(link);
    const end = (): void => {
      links.delete(link);
      if (link.forgotten) return;
      client.destroy();
      if (!server.writableEnded) server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', end);
      if (stalled) socket.pause();
    }
    client.on('data', (chunk: Buffer) => {
      if (link.forgotten) return;
      const ending = watcher(chunk);
      if (ending !== undefined) {
        if (ending === 'cut') server.destroy();
        else server.end(chunk);
        client.destroy();
        return;
      }
      if (chunk.includes('listen ')) link.listens = true;
      if (holding !== undefined && binds(chunk, holding.statement) && chunk.includes(holding.including)) {
        const { statement, bytes, caught } = holding;
        holding = undefined;
        link.held = [];
        link.passing = bytes === 0 ? bindOf(chunk, statement) : bytes;
        caught(link);
      }
      if (toCut > 0 && (binds(chunk, 'commit') || (binds(chunk, 'publish-batch') && chunk.includes('</')))) {
        toCut -= 1;
        link.losing = true;
      }
      if (link.held === undefined) server.write(chunk);
      else hold(link, link.held, chunk);
    });
    server.on('data', (chunk: Buffer) => {
      if (link.forgotten) return;
      if (!link.losing) {
        client.write(chunk);
      } else if (chunk.includes('COMMIT\0') || chunk.includes('CALL\0')) {
        commitsCut += 1;
        end();
      }
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };

  function cut(): void {
    for (const { client, server } of links) {
      client.destroy();
      server.destroy();
    }
  }
  return {
    url: `postgresql://${target.user}@127.0.0.1:${String(port)}/${target.database}`,
    cut,
    refuse(now) {
      refused = now;
      if (now) cut();
    },
    stall(now) {
      stalled = now;
      for (const { client, server } of links) {
        for (const socket of [client, server])
          if (now) socket.pause();
          else socket.resume();
      }
    },
    forgetListeners() {
      for (const link of links) if (link.listens) link.forgotten = true;
    },
    cutListeners() {
      for (const { client, listens } of links) if (listens) client.destroy();
    },
    cutAfterCommit(times) {
      toCut = times;
    },
    watch(look) {
      watcher = look;
    },
    get commitsCut() {
      return commitsCut;
    },
    async hold(statement, { bytes = 0, including = '' } = {}) {
      const link = await new Promise<Link>((resolve) => {
        holding = { statement, bytes, including, caught: resolve };
      });
      return {
        release() {
          const { held = [] } = link;
          link.held = undefined;
          for (const chunk of held) link.server.write(chunk);
        },
      };
    },
    async stop() {
      refused = true;
      for (const link of links) link.forgotten = false;
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}

function hold(link: Link, held: Buffer[], chunk: Buffer): void {
  if (link.passing > 0) link.server.write(chunk.subarray(0, link.passing));
  held.push(chunk.subarray(link.passing));
  link.passing = Math.max(0, link.passing - chunk.length);
}

/** COPY is no prepared statement: its text is a message of its own, a simple query. */
const QUERY = 'Q'.charCodeAt(0);

/** Is there a Bind message for the prepared statement? Its portal has no name, and names end with a zero byte. */
function binds(chunk: Buffer, statement: string): boolean {
  return chunk.includes(`\0${statement}\0`) || (chunk[0] === QUERY && chunk.includes(`${statement} (`));
}

/** Where that message begins: its type, its length and the name of its portal stand before the name. */
function bindOf(chunk: Buffer, statement: string): number {
  return chunk[0] === QUERY ? 0 : Math.max(0, chunk.indexOf(`\0${statement}\0`) - 5);
}

function targetOf(
  url: string,
): { path: string; user: string; database: string } | { host: string; port: number; user: string; database: string } {
  const [, user = '', host = '', database = '', query = ''] =
    /^\w+:\/\/([^@/]*)@?([^/]*)\/([^?]*)\??(.*)$/.exec(url) ?? [];
  const parameters = new URLSearchParams(query);
  const directory = parameters.get('host');
  const port = Number(parameters.get('port') ?? (host.split(':')[1] || 5432));
  if (directory !== null) return { path: join(directory, `.s.PGSQL.${String(port)}`), user, database };
  return { host: host.split(':')[0] ?? '127.0.0.1', port, user, database };
}
