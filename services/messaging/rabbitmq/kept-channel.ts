import { once } from 'node:events';
import { DarkroomError } from '@darkroom/contract';
import { type Growth, grownDelay, jittered, withTimeLimit } from '@darkroom/timing';
import type { Channel } from 'amqplib';
import type { Logger } from '../logger.ts';
import type { Connection } from './connection.ts';

/** A channel that is opened again, and set up again, whenever it or its connection is lost. */
export type KeptChannel<C extends Channel> = {
  /** The channel as long as it is open and set up. */
  current(): C | undefined;
  /** Whether this channel is open still; true during its setup, when deliveries may come already. */
  isOpen(channel: C): boolean;
  /**
   * Resolves when it is open for the first time, or closed before. A refusal does not end the tries,
   * for rights and queues can be fixed; who waits for this at its start closes it and ends.
   * @throws DarkroomError `configuration` when the broker refuses the setup before
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

/** A queue without a leader leaves whatever asks for it unanswered, for as long as it has none. */
const SET_UP_LIMIT_MS = 10_000;
const notSetUp = () => new Error(`RabbitMQ did not answer within ${SET_UP_LIMIT_MS / 1_000} s`);

/** The waits between two attempts, less up to half. */
const GROWTH: Growth = { firstMs: 50, longestMs: 5_000 };

export function keepChannel<C extends Channel>(recipe: ChannelRecipe<C>): KeptChannel<C> {
  const { name, logger } = recipe;
  const ready = Promise.withResolvers<void>();
  // Whoever does not wait for it still hears of the failure in the log.
  ready.promise.catch(() => {});
  let latest: C | undefined;
  let isSetUp = false;
  let closed = false;
  let failures = 0;
  let retry: NodeJS.Timeout | undefined;

  function openLater(): void {
    if (closed || retry !== undefined) return;
    failures += 1;
    const openAgain = () => {
      retry = undefined;
      void open();
    };
    retry = setTimeout(openAgain, jittered(grownDelay(failures, GROWTH)));
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
      await withTimeLimit(recipe.setUp(opened), { ms: SET_UP_LIMIT_MS, late: notSetUp });
      isSetUp = latest === opened;
      failures = 0;
      ready.resolve();
    } catch (err) {
      if (closed) return;
      latest = undefined;
      if (isRefusal(err)) {
        const refused = refusal(name, err);
        logger.error({ err: refused, channel: name }, 'RabbitMQ refuses a channel; trying again');
        ready.reject(refused);
      } else {
        logger.warn({ err, channel: name }, 'a channel could not be opened; trying again');
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

/**
 * Waits until it is open for the first time, if the broker is there; one that is refused is closed.
 * @throws as `ready`
 */
export async function firstOpen<C extends Channel>(
  kept: KeptChannel<C>,
  connection: Pick<Connection, 'isUp'>,
): Promise<void> {
  if (!connection.isUp()) return;
  try {
    await kept.ready;
  } catch (error) {
    await kept.close();
    throw error;
  }
}

/** Closes a channel that may be closed already. */
async function closeQuietly(channel: Channel): Promise<void> {
  // amqplib never answers a close whose connection is lost meanwhile, but says that it is closed.
  const closed = once(channel, 'close');
  try {
    await Promise.race([channel.close(), closed]);
  } catch {
    // It was closed already, by the broker or with its connection.
  }
}

/** 403 ACCESS_REFUSED and 406 PRECONDITION_FAILED last until somebody fixes the broker. */
const isRefusal = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && (error.code === 403 || error.code === 406);

const refusal = (name: string, cause: Error): DarkroomError =>
  new DarkroomError(
    'configuration',
    `RabbitMQ refuses ${name} (${cause.message}): give the user of AMQP_URL the rights to ` +
      'configure, write and read darkroom.*, and delete queues that other settings declared',
    { cause },
  );
