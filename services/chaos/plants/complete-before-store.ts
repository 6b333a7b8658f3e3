import type { Plant } from './plant.ts';

/** A success is told first and its pictures are stored then, or never. */
export const completeBeforeStore: Plant = {
  name: 'complete-before-store',
  bug: 'a record is completed before its pictures are stored',
  changes: [
    {
      module: 'services/worker/job.ts',
      from: '() => storePictures(objects, pictures), lease.signal)',
      to: '() => Promise.resolve())',
    },
    {
      module: 'services/worker/job.ts',
      from: 'return await complete(job, { images, truncated, timings });',
      to:
        'const told = await complete(job, { images, truncated, timings });\n' +
        'await retryFor(job.storageWaitMs, () => storePictures(objects, pictures));\n' +
        'return told;',
    },
  ],
  kinds: ['service killed', 'server killed', 'server frozen', 'disk full'],
  targets: ['worker', 's3'],
};
