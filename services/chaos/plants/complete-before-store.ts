import type { Plant } from './plant.ts';

/** A success is told first and its pictures are stored then, or never. */
export const completeBeforeStore: Plant = {
  name: 'complete-before-store',
  bug: 'a record is completed before its pictures are stored',
  changes: [
    {
      module: 'services/worker/job.ts',
      from: 'const storing = retryFor(job.leaseMs, () => storePictures(objects, pictures), lease.signal);',
      to: 'const storing = Promise.resolve();',
    },
    {
      module: 'services/worker/job.ts',
      from: "return await end(job, 'succeeded', completed);",
      to:
        'await retryFor(job.leaseMs, () => storePictures(objects, pictures));\n' +
        "return await end(job, 'succeeded', completed);",
    },
  ],
  kinds: ['service killed', 'server killed', 'server frozen', 'disk full'],
  targets: ['worker', 's3'],
};
