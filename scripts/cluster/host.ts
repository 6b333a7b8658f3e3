import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { CommandFailure } from '../commands/failure.ts';
import type { ClusterNames } from './names.ts';
import { findProgram } from './offline/build-program.ts';
import { cacheFolder } from './offline/cache.ts';

const GIB = 2 ** 30;
/** In GiB: four nodes and their images; where those are made here and nothing is cached, 30. */
const disk = { cluster: 10, firstBuild: 30 };

/** The disk where everything of a cluster lies, in GiB. */
export async function diskRoom(options: { airgap: boolean }): Promise<{
  free: number;
  needed: number;
}> {
  const { bavail, bsize } = await statfs(cacheFolder).catch(() => statfs(homedir()));
  const builds = options.airgap && (await findProgram('kubelet')) === undefined;
  return { free: (bavail * bsize) / GIB, needed: builds ? disk.firstBuild : disk.cluster };
}

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
