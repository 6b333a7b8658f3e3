import type { GenerationEvent, JobMessage } from '@darkroom/contract';
import { DarkroomError } from '@darkroom/contract';
import type { Broker, JobDelivery, Outcome, Subscription } from '../broker.ts';
import { messageIdOf } from '../codec.ts';
import { createInHand, requeueDelay } from '../in-hand.ts';
import { type Logger, silent } from '../logger.ts';

type Message = { job: JobMessage; deliveries: number };

type Consumer = { free: number; deliver(message: Message): void };

type Queue = { messages: Message[]; consumers: Consumer[] };

type Listener = {
  hears(event: GenerationEvent): boolean;
  handle(event: GenerationEvent): void;
};

/**
 * The broker within one process: the same promises as RabbitMQ's driver, except that its messages
 * go with the process. Whoever uses it publishes them again at start, from the record.
 */
export function createInProcessBroker({ logger = silent }: { logger?: Logger } = {}): Broker {
  const queues = new Map<string, Queue>();
  const listeners = new Set<Listener>();
  const subscriptions = new Set<Subscription>();
  let closed = false;

  function queueOf(model: string): Queue {
    const queue = queues.get(model) ?? { messages: [], consumers: [] };
    queues.set(model, queue);
    return queue;
  }

  /** Hands messages to consumers in turn, always after the caller's own turn of the event loop. */
  function dispatch(queue: Queue): void {
    setImmediate(() => {
      while (queue.messages.length > 0) {
        const index = queue.consumers.findIndex(({ free }) => free > 0);
        const [consumer] = index < 0 ? [] : queue.consumers.splice(index, 1);
        const message = consumer && queue.messages.shift();
        if (consumer === undefined || message === undefined) return;
        queue.consumers.push(consumer);
        consumer.free -= 1;
        consumer.deliver(message);
      }
    });
  }

  function listen(listener: Listener): Subscription {
    listeners.add(listener);
    return {
      async stop() {
        listeners.delete(listener);
      },
    };
  }

  return {
    async publishJob(job) {
      if (closed) throw new DarkroomError('unavailable', 'the broker is closed; start it again');
      const queue = queueOf(job.model);
      queue.messages.push({ job: structuredClone(job), deliveries: 0 });
      dispatch(queue);
    },

    async consumeJobs({ model, prefetch }, handle) {
      const queue = queueOf(model);
      const inHand = createInHand(handle, logger);
      /** Messages that wait to be delivered again. */
      const delayed = new Map<NodeJS.Timeout, () => void>();

      const release = (): void => {
        consumer.free += 1;
        dispatch(queue);
      };

      /** @param isKept its place was given to another message */
      function settle(message: Message, outcome: Outcome, isKept: boolean): void {
        const leave = () => (isKept ? dispatch(queue) : release());
        if (outcome !== 'requeue') {
          const { job } = message;
          if (outcome === 'reject')
            logger.error({ job }, 'message dropped: its consumer rejects it');
          leave();
          return;
        }
        const putBack = (): void => {
          clearTimeout(timer);
          delayed.delete(timer);
          queue.messages.unshift(message);
          leave();
        };
        const delayMs = isKept ? 0 : requeueDelay(message.deliveries - 1);
        const timer = setTimeout(putBack, delayMs);
        delayed.set(timer, putBack);
      }

      const consumer: Consumer = {
        free: prefetch,
        deliver(message) {
          const redelivered = message.deliveries > 0;
          message.deliveries += 1;
          const job = structuredClone(message.job);
          const delivery: JobDelivery = { job, messageId: messageIdOf(job), redelivered };
          let isKept = false;
          inHand.take(delivery, {
            settle: (outcome) => settle(message, outcome, isKept),
            keep: () => {
              isKept = true;
              release();
            },
          });
        },
      };
      queue.consumers.push(consumer);
      dispatch(queue);

      const subscription: Subscription = {
        async stop() {
          subscriptions.delete(subscription);
          queue.consumers = queue.consumers.filter((other) => other !== consumer);
          await inHand.idle();
          for (const putBack of [...delayed.values()]) putBack();
        },
      };
      subscriptions.add(subscription);
      return subscription;
    },

    async countJobs(model) {
      return queues.get(model)?.messages.length ?? 0;
    },

    publishEvent(event) {
      const told = [...listeners].filter(({ hears }) => hears(event));
      if (told.length === 0 || closed) return;
      const copy = structuredClone(event);
      setImmediate(() => {
        for (const listener of told) {
          if (!listeners.has(listener)) continue;
          try {
            listener.handle(copy);
          } catch (err) {
            logger.error({ err }, 'an event listener failed');
          }
        }
      });
    },

    async subscribeEvents(type, handle) {
      return listen({ hears: (event) => type === 'all' || type === event.type, handle });
    },

    async followEvents(handle) {
      const followed = new Map<string, number>();
      const { stop } = listen({ hears: ({ generationId }) => followed.has(generationId), handle });
      return {
        stop,
        async follow(generationId) {
          followed.set(generationId, (followed.get(generationId) ?? 0) + 1);
        },
        unfollow(generationId) {
          const left = (followed.get(generationId) ?? 1) - 1;
          if (left === 0) followed.delete(generationId);
          else followed.set(generationId, left);
        },
      };
    },

    system: 'in_process',
    isReady: () => !closed,

    async close() {
      closed = true;
      await Promise.all([...subscriptions].map((subscription) => subscription.stop()));
      listeners.clear();
    },
  };
}
