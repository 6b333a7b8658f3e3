import type { Plant } from './plant.ts';

/** What is written to a socket counts as published, wherever it goes. */
export const unconfirmedPublish: Plant = {
  name: 'unconfirmed-publish',
  bug: "a publish counts as done before the broker's confirm",
  changes: [
    {
      module: 'services/messaging/rabbitmq/publisher.ts',
      from: 'return confirmed.finally(() => unconfirmed.delete(confirmed));',
      to: 'confirmed.catch(() => {}).finally(() => unconfirmed.delete(confirmed));\nreturn Promise.resolve();',
    },
  ],
  kinds: ['server killed', 'server frozen', 'connections half-opened', 'connections cut'],
  targets: ['rabbitmq'],
};
