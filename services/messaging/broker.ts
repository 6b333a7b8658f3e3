import type { GenerationEvent, JobMessage } from '@darkroom/contract';

/** What a handler decided about a message; the consumer, and only it, tells the broker. */
export type Outcome =
  /** Done with it, for better or worse: the record says what became of the job. */
  | 'acknowledge'
  /** Not understood; goes to the dead-letter queue. */
  | 'reject'
  /** Could not be decided now (the database is away, say); delivered again after a pause. */
  | 'requeue';

export type JobDelivery = {
  job: JobMessage;
  /** Same for every redelivery of the message. */
  messageId: string;
  redelivered: boolean;
};

/**
 * Decides one message. `keep` is for a message that cannot be decided yet and must not be lost: from
 * then on it does not count toward `prefetch`, so that another comes while the handler waits, and
 * `requeue` gives it back at once, for it has waited.
 */
export type JobHandler = (delivery: JobDelivery, keep: () => void) => Promise<Outcome>;

export type Subscription = {
  /** Takes no further messages and resolves when the handlers in hand have settled theirs. */
  stop(): Promise<void>;
};

/** Hears the events of some generations. Each `follow` is undone by one `unfollow`. */
export type EventFollower = Subscription & {
  /**
   * Resolves once the events of a generation are heard, or when the broker is away and they will be
   * heard as soon as it is back. Events of generations that are not followed may be heard too.
   */
  follow(generationId: string): Promise<void>;
  unfollow(generationId: string): void;
};

/** The broker as the rest of Darkroom sees it. Drivers: `rabbitmq`, `in-process`. */
export type Broker = {
  /** OpenTelemetry's name for the messaging system. */
  readonly system: 'rabbitmq' | 'in_process';
  /**
   * Puts a job on its model's queue and resolves once the broker has it safely.
   * @throws DarkroomError `unavailable` when it was not confirmed or not routable; the caller's
   *   sweep publishes it again
   */
  publishJob(job: JobMessage): Promise<void>;
  /**
   * Takes jobs of one model, at most `prefetch` unsettled at a time, without those kept. Survives reconnection: the
   * consumer is declared again, and unsettled messages come again; one that comes again while its
   * handler still runs is not handled twice, the outcome settles both.
   */
  consumeJobs(
    options: { model: string; prefetch: number },
    handle: JobHandler,
  ): Promise<Subscription>;
  /**
   * The messages that wait in a model's queue, without those that a consumer has in hand.
   * @throws DarkroomError `unavailable` when the broker does not tell
   */
  countJobs(model: string): Promise<number>;
  /** Tells those who listen; may be lost, never throws, never waits. */
  publishEvent(event: GenerationEvent): void;
  /** Hears events of one type, or of all. */
  subscribeEvents(
    type: GenerationEvent['type'] | 'all',
    handle: (event: GenerationEvent) => void,
  ): Promise<Subscription>;
  /** Hears events of every type of those generations alone that are followed. */
  followEvents(handle: (event: GenerationEvent) => void): Promise<EventFollower>;
  /** Whether a publish would be tried right now. */
  isReady(): boolean;
  /** Stops consumers, waits for unconfirmed publishes, disconnects. */
  close(): Promise<void>;
};
