import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultKind } from './fault.ts';
import { serverOf } from './server.ts';

/** The object store's file system has no byte left. */
export const diskFull: FaultKind = {
  name: 'disk full',
  weight: 1.5,
  atLeast: 1,
  targets: ['s3'],
  seconds: [1, 6],
  async unavailable({ smallDisk }) {
    return smallDisk ? undefined : 'not here: a small file system can be mounted by root alone';
  },
  async inject(cluster, { target }) {
    const ballast = join(serverOf(cluster, target).data, 'ballast');
    const { bavail, bsize } = await statfs(serverOf(cluster, target).data);
    // One page more than there is room for: what fits of it stays.
    const filling = new Uint8Array((bavail + 1) * bsize);
    await writeFile(ballast, filling).catch(() => {});
    return () => rm(ballast, { force: true });
  },
};
