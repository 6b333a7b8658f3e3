export type {
  Broker,
  EventFollower,
  JobDelivery,
  JobHandler,
  Outcome,
  Subscription,
} from './broker.ts';
export { createInProcessBroker } from './in-process/create-in-process-broker.ts';
export type { Logger } from './logger.ts';
export { connectRabbitmq, type RabbitmqOptions } from './rabbitmq/connect-rabbitmq.ts';
export { brokerDefinitions } from './rabbitmq/definitions.ts';
