import type { Channel } from 'amqplib';

/** The bindings of one queue, by how many need each; made again on each channel. */
export type Bindings = {
  /** Resolves once the pattern is bound, or at once where there is no channel. */
  add(pattern: string): Promise<void>;
  /** What nobody needs any more is unbound a little later. */
  remove(pattern: string): void;
  /** From now on binds this queue over this channel; resolves when all that is needed is bound. */
  use(channel: Channel, queue: string): Promise<void>;
  close(): void;
};

/** So that patterns that are soon needed again stay bound, in milliseconds. */
const LINGER_MS = 10_000;

export function createBindings(exchange: string): Bindings {
  const needed = new Map<string, number>();
  const lingering = new Map<string, NodeJS.Timeout>();
  let target: { channel: Channel; queue: string; bound: Map<string, Promise<void>> } | undefined;

  async function bind(pattern: string): Promise<void> {
    if (target === undefined) return;
    const { channel, queue, bound } = target;
    const binding =
      bound.get(pattern) ?? channel.bindQueue(queue, exchange, pattern).then(() => {});
    bound.set(pattern, binding);
    // A channel that closes meanwhile is opened and bound again.
    await binding.catch(() => {});
  }

  function unbind(pattern: string): void {
    lingering.delete(pattern);
    needed.delete(pattern);
    if (!target?.bound.delete(pattern)) return;
    target.channel.unbindQueue(target.queue, exchange, pattern).catch(() => {});
  }

  return {
    async add(pattern) {
      clearTimeout(lingering.get(pattern));
      lingering.delete(pattern);
      needed.set(pattern, (needed.get(pattern) ?? 0) + 1);
      await bind(pattern);
    },
    remove(pattern) {
      const left = (needed.get(pattern) ?? 1) - 1;
      needed.set(pattern, left);
      if (left > 0) return;
      clearTimeout(lingering.get(pattern));
      lingering.set(pattern, setTimeout(unbind, LINGER_MS, pattern).unref());
    },
    async use(channel, queue) {
      target = { channel, queue, bound: new Map() };
      await Promise.all([...needed.keys()].map(bind));
    },
    close() {
      target = undefined;
      for (const timer of lingering.values()) clearTimeout(timer);
    },
  };
}
