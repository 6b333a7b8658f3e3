import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** What is wrong with a connection's network. */
export type Trouble =
  /** Open connections are reset. New ones are reset too, or wait until the cut is over. */
  | { kind: 'cut'; fresh?: 'reset' | 'held' }
  /** Everything comes later, in order. */
  | { kind: 'delay'; ms: number }
  /** Either direction carries so many bytes a second. */
  | { kind: 'throttle'; bytesPerSecond: number }
  /**
   * Bytes vanish and nobody is told, not even of an end. A connection that lost some stays dead
   * when the trouble is over, until one side gives it up.
   */
  | { kind: 'half-open'; lost: 'requests' | 'answers' | 'both' };

export type TcpProxy = {
  readonly port: number;
  /** From now until told otherwise, for open connections and new ones. */
  set(trouble: Trouble | undefined): void;
  close(): Promise<void>;
};

/** Stands between one client and one server of the loopback address. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  let trouble: Trouble | undefined;
  const links = new Set<Link>();
  const held = new Set<Socket>();
  const join = (client: Socket): void => {
    const link = createLink(client, target, () => trouble);
    links.add(link);
    link.over.then(() => links.delete(link));
  };
  const server = createServer((client) => {
    if (trouble?.kind !== 'cut') return join(client);
    client.on('error', () => {});
    if (trouble.fresh === 'held') held.add(client);
    else client.resetAndDestroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port was assigned');
  return {
    port: address.port,
    set(next) {
      trouble = next;
      for (const link of links) link.check();
      if (trouble?.kind === 'cut') return;
      for (const client of held) join(client);
      held.clear();
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const link of links) link.reset();
      for (const client of held) client.destroy();
      await closed;
    },
  };
}

type Link = {
  /** The trouble has changed. */
  check(): void;
  reset(): void;
  readonly over: Promise<void>;
};

/** Both directions of one connection. */
function createLink(client: Socket, target: number, trouble: () => Trouble | undefined): Link {
  const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: false });
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const reset = (): void => {
    client.resetAndDestroy();
    upstream.resetAndDestroy();
    resolve();
  };
  /** One side is gone while bytes vanish: the other is told when the trouble is over. */
  let endUntold = false;
  const onEnd = (): void => {
    if (trouble()?.kind === 'half-open') endUntold = true;
    else reset();
  };
  for (const socket of [client, upstream]) {
    socket.setNoDelay(true);
    socket.on('error', onEnd);
    socket.on('close', onEnd);
  }
  carry(client, upstream, 'requests', trouble);
  carry(upstream, client, 'answers', trouble);
  return {
    over,
    reset,
    check() {
      const kind = trouble()?.kind;
      if (kind === 'cut' || (endUntold && kind !== 'half-open')) reset();
    },
  };
}

/** Passes bytes on, each no earlier than the ones before it. */
function carry(
  from: Socket,
  to: Socket,
  direction: 'requests' | 'answers',
  trouble: () => Trouble | undefined,
): void {
  let dead = false;
  /** When the last of them will have passed. */
  let free = 0;
  const waiting: { due: number; action: () => void }[] = [];
  const passWhatIsDue = (): void => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const leftMs = first.due - performance.now();
      if (leftMs > 0) {
        setTimeout(passWhatIsDue, leftMs);
        return;
      }
      waiting.shift();
      first.action();
    }
  };
  const pass = (bytes: number, action: () => void): void => {
    const now = performance.now();
    const present = trouble();
    const due = Math.max(free, now + (present?.kind === 'delay' ? present.ms : 0));
    free = due + (present?.kind === 'throttle' ? (bytes / present.bytesPerSecond) * 1_000 : 0);
    waiting.push({ due: free, action });
    // Else a timer runs already.
    if (waiting.length === 1) passWhatIsDue();
  };
  from.on('data', (chunk) => {
    const present = trouble();
    if (present?.kind === 'half-open' && present.lost !== opposite(direction)) dead = true;
    if (dead) return;
    pass(chunk.length, () => {
      if (!to.destroyed) to.write(chunk);
    });
  });
  from.on('end', () => {
    if (dead || trouble()?.kind === 'half-open') return;
    pass(0, () => to.end());
  });
}

const opposite = (direction: 'requests' | 'answers') =>
  direction === 'requests' ? 'answers' : 'requests';
