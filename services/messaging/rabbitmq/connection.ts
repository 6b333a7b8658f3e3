import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DarkroomError } from '@darkroom/contract';
import { type ChannelModel, connect, type RecoveringChannelModel } from 'amqplib';
import type { Logger } from '../logger.ts';
import { writeTogether } from './write-together.ts';

/** A connection that comes back by itself, with jittered backoff from 0.1 to 5 s. */
export type Connection = {
  model: RecoveringChannelModel;
  isUp(): boolean;
  /** Why the broker takes no publishes on this connection now (a disk or memory alarm). */
  blocked(): string | undefined;
  close(): Promise<void>;
};

/** How long closing waits for the broker's answer. */
const FAREWELL_MS = 3_000;

/** Seconds between heartbeats: a dead peer is noticed after two. */
const HEARTBEAT = '10';

/**
 * Resolves after the first attempt, connected or not: a broker that is away comes back.
 * @throws DarkroomError `configuration` for what does not pass with time: the URL, user or vhost
 */
export async function openConnection(url: string, logger: Logger): Promise<Connection> {
  const model = await connect(withHeartbeat(url), {
    // Small messages whose sender waits for the confirm: Nagle would hold them back.
    noDelay: true,
    keepAlive: true,
    timeout: 10_000,
    recovery: { waitForConnect: false, initialDelay: 100, maxDelay: 5_000, jitter: 0.5 },
  });
  let up = false;
  let blocked: string | undefined;
  const where = new URL(url).host;

  // RecoveringChannelModel reports every loss by `disconnect` as well.
  model.on('error', () => {});
  model.on('connect', ({ connection }: ChannelModel) => {
    // Its types do not have the socket.
    writeTogether((connection as unknown as { stream: Socket }).stream);
    up = true;
    logger.info({ broker: where }, 'connected to RabbitMQ');
  });
  model.on('disconnect', (err) => {
    up = false;
    blocked = undefined;
    logger.warn({ err, broker: where }, 'lost the connection to RabbitMQ; connecting again');
  });
  model.on('blocked', (reason) => {
    blocked = reason;
    logger.warn({ reason, broker: where }, 'RabbitMQ takes no messages until its alarm is over');
  });
  model.on('unblocked', () => {
    blocked = undefined;
    logger.info({ broker: where }, 'RabbitMQ takes messages again');
  });

  const firstFailure = await new Promise<Error | undefined>((resolve) => {
    model.once('connect', () => resolve(undefined));
    model.once('connect-failed', resolve);
  });
  if (firstFailure !== undefined && isRefusal(firstFailure)) {
    await model.close();
    throw new DarkroomError(
      'configuration',
      `RabbitMQ at ${where} refuses the connection (${firstFailure.message}): ` +
        'check user, password and virtual host of AMQP_URL',
      { cause: firstFailure },
    );
  }
  const logFailure = (err: Error): void => {
    logger.warn({ err, broker: where }, 'RabbitMQ cannot be reached (AMQP_URL); trying again');
  };
  if (firstFailure !== undefined) logFailure(firstFailure);
  model.on('connect-failed', logFailure);

  return {
    model,
    isUp: () => up,
    blocked: () => blocked,
    async close() {
      // A broker that hangs does not answer the farewell.
      await Promise.race([model.close(), delay(FAREWELL_MS, undefined, { ref: false })]);
    },
  };
}

/**
 * 403 is AMQP's answer to a wrong user or password. To a wrong virtual host it closes the connection
 * instead of opening it, of which amqplib tells without the code.
 */
const isRefusal = ({ message }: Error): boolean =>
  /\b403\b|Expected ConnectionOpenOk; got <ConnectionClose/.test(message);

function withHeartbeat(url: string): string {
  if (!URL.canParse(url) || !/^amqps?:$/.test(new URL(url).protocol)) {
    throw new DarkroomError(
      'configuration',
      'AMQP_URL is not an AMQP address: write amqp://USER:PASSWORD@HOST:PORT/VHOST',
    );
  }
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', HEARTBEAT);
  return parsed.href;
}
