import type { Plant } from './plant.ts';

/** As with RabbitMQ's automatic acknowledgement: what a worker holds dies with it. */
export const acknowledgeBeforeComplete: Plant = {
  name: 'acknowledge-before-complete',
  bug: 'a message is acknowledged when it comes, not when its job is completed',
  changes: [
    {
      module: 'services/messaging/rabbitmq/consumer.ts',
      from: 'inHand.take(delivery, {\n      settle: (outcome) => settle(channel, message, outcome),',
      to: 'channel.ack(message);\n    inHand.take(delivery, {\n      settle: () => {},',
    },
  ],
  kinds: ['service killed', 'server killed', 'server frozen'],
  targets: ['worker', 'postgres'],
};
