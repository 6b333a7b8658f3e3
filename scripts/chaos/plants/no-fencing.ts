import type { Plant } from './plant.ts';

/** Who wakes up after its lease writes over what the next one wrote. */
export const noFencing: Plant = {
  name: 'no-fencing',
  bug: 'a worker writes to a record without asking whether it still holds it',
  module: 'services/generations/sql/lease.ts',
  changes: [
    {
      from:
        "    .where('id', '=', id)\n    .where('fence', '=', fence)\n" +
        "    .where('state', '=', 'running');",
      to: "    .where('id', '=', id);",
    },
  ],
  kinds: ['service frozen'],
};
