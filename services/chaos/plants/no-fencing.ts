import type { Plant } from './plant.ts';

const lease = 'services/generations/sql/lease.ts';
const complete = 'services/generations/sql/complete.ts';

/** Who wakes up after its lease writes over what the next one wrote. */
export const noFencing: Plant = {
  name: 'no-fencing',
  bug: 'a worker writes to a record without asking whether it still holds it',
  changes: [
    {
      module: lease,
      from: ".where('fence', '=', fence)\n    .where('state', '=', 'running');",
      to: ';',
    },
    {
      module: complete,
      from: 'using (id, fence)',
      to: 'using (id)',
    },
    {
      module: complete,
      from: "and generations.fence = held.fence and state = 'running'",
      to: '',
    },
  ],
  kinds: ['service frozen'],
  targets: ['worker'],
};
