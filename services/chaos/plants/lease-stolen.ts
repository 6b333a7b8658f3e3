import type { Plant } from './plant.ts';

/** A cut connection makes the broker deliver a message again, while its job goes on. */
export const leaseStolen: Plant = {
  name: 'lease-stolen',
  bug: 'a message that is delivered again takes over a live lease',
  changes: [
    {
      module: 'services/generations/sql/claim.ts',
      from: `when state = 'running' and "leftMs" > 0 then 'leased'`,
      to: '',
    },
  ],
  faults: 'blips',
  kinds: ['blip worker→rabbitmq'],
  targets: ['worker'],
};
