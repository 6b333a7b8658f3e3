import { once } from 'node:events';
import { DarkroomError } from '@darkroom/contract';
import type { Channel } from 'amqplib';
import type { Logger } from '../logger.ts';

/** A channel that is opened again, and set up again, whenever it or its connection is lost. */
export type KeptChannel<C extends Channel> = {
  /** The channel as long as it is open and set up. */
  current(): C | undefined;
  /** Whether this channel is open still; true during its setup, when deliveries may come already. */
  isOpen(channel: C): boolean;
  /**
   * Resolves when it is open for the first time, or closed before.
   * @throws DarkroomError `configuration` when the broker refuses the first setup for good
   */
  ready: Promise<void>;
  /** Closes this incarnation; the next one is opened after the backoff. */
  renew(): Promise<void>;
  /** Closes it for good. Unsettled messages go back to their queue. */
  close(): Promise<void>;
};

export type ChannelRecipe<C extends Channel> = {
  /** For log lines. */
  name: string;
  open: () => Promise<C>;
  setUp: (channel: C) => Promise<void>;
  logger: Logger;
};

export function keepChannel<C extends Channel>(recipe: ChannelRecipe<C>): KeptChannel<C> {
  const { name, logger } = recipe;
  const ready = Promise.withResolvers<void>();
  // Whoever does not wait for it still hears of the failure in the log.
  ready.promise.catch(() => {});
  let latest: C | undefined;
  let isSetUp = false;
  let everOpened = false;
  let closed = false;
  let attempt = 0;
  let retry: NodeJS.Timeout | undefined;

  function openLater(): void {
    if (closed || retry !== undefined) return;
    const longest = Math.min(5_000, 50 * 2 ** Math.min(attempt++, 10));
    retry = setTimeout(
      () => {
        retry = undefined;
        void open();
      },
      longest * (1 - Math.random() / 2),
    );
  }

  async function open(): Promise<void> {
    let channel: C | undefined;
    try {
      channel = await recipe.open();
      const opened = channel;
      latest = opened;
      isSetUp = false;
      opened.on('error', (err) => logger.warn({ err, channel: name }, 'RabbitMQ closed a channel'));
      opened.on('close', () => {
        if (latest !== opened) return;
        latest = undefined;
        openLater();
      });
      if (closed) return await closeQuietly(opened);
      await recipe.setUp(opened);
      isSetUp = latest === opened;
      attempt = 0;
      everOpened = true;
      ready.resolve();
    } catch (err) {
      if (closed) return;
      logger.warn({ err, channel: name }, 'a channel could not be opened; trying again');
      latest = undefined;
      if (!everOpened && isRefusal(err)) {
        closed = true;
        ready.reject(refusal(name, err));
      }
      openLater();
      if (channel !== undefined) await closeQuietly(channel);
    }
  }

  void open();
  return {
    current: () => (isSetUp ? latest : undefined),
    isOpen: (channel) => latest === channel,
    ready: ready.promise,
    async renew() {
      if (latest !== undefined) await closeQuietly(latest);
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      ready.resolve();
      const channel = latest;
      latest = undefined;
      if (channel !== undefined) await closeQuietly(channel);
    },
  };
}

async function closeQuietly(channel: Channel): Promise<void> {
  // amqplib never answers a close whose connection is lost meanwhile, but says that it is closed.
  const closed = once(channel, 'close');
  try {
    await Promise.race([channel.close(), closed]);
  } catch {
    // It was closed already, by the broker or with its connection.
  }
}

/** 403 ACCESS_REFUSED and 406 PRECONDITION_FAILED are the same at every further attempt. */
const isRefusal = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && (error.code === 403 || error.code === 406);

const refusal = (name: string, cause: Error): DarkroomError =>
  new DarkroomError(
    'configuration',
    `RabbitMQ refuses ${name} (${cause.message}): give the user of AMQP_URL the rights to ` +
      'configure, write and read darkroom.*, and delete queues that other settings declared',
    { cause },
  );
