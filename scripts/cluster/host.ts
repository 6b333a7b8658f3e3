import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { CommandFailure } from '../commands/failure.ts';
import type { ClusterNames } from './names.ts';
import { findProgram } from './offline/build-program.ts';
import { cacheFolder } from './offline/cache.ts';

const GIB = 2 ** 30;
/**
 * In GiB. Images, nodes and programs that were all made here took 13, and Go's caches of their builds 16;
 * what one more cluster takes is an estimate.
 */
const disk = { firstBuild: 30, cluster: 10 };

/** The disk where everything of a new cluster lies, in GiB. */
export async function diskRoom(options: { airgap: boolean }): Promise<{
  free: number;
  needed: number;
}> {
  const { bavail, bsize } = await statfs(cacheFolder).catch(() => statfs(homedir()));
  const needed = (await buildsAll(options)) ? disk.firstBuild : disk.cluster;
  return { free: (bavail * bsize) / GIB, needed };
}

/** Whether everything of a cluster has yet to be built. */
export const buildsAll = async ({ airgap }: { airgap: boolean }): Promise<boolean> =>
  airgap && (await findProgram('kubelet')) === undefined;

/** Whether nothing listens on a port of loopback. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

/** @throws CommandFailure where the disk has too little room for another cluster */
export async function requireRoom(options: { airgap: boolean }): Promise<void> {
  const { free, needed } = await diskRoom(options);
  if (free >= needed) return;
  throw new CommandFailure(
    `a cluster takes ${needed} GiB of disk at ${cacheFolder}, and ${free.toFixed(1)} GiB are free: free more`,
  );
}

/** @throws CommandFailure where another program has a port that a new cluster is to have */
export async function requirePorts(
  names: ClusterNames,
  { registryRuns }: { registryRuns: boolean },
): Promise<void> {
  await requirePort(names.port, 'API', '--port');
  if (!registryRuns) await requirePort(names.registryPort, 'registry', '--registry-port');
}

async function requirePort(port: number, purpose: string, option: string): Promise<void> {
  if (await isFree(port)) return;
  throw new CommandFailure(
    `port ${port}, which the cluster's ${purpose} is to have, is taken: end the program that listens ` +
      `there (\`ss -ltnp 'sport = :${port}'\` names it), or give another port with ${option}`,
  );
}
