import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { CommandFailure } from '../commands/failure.ts';
import type { Docker } from './docker.ts';
import { type ClusterNames, NODE_PORT, ofCluster } from './names.ts';
import { findProgram } from './offline/build-program.ts';
import { cacheFolder } from './offline/cache.ts';

const GIB = 2 ** 30;
/**
 * In GiB. Images, nodes and programs that were all made here took 13, and Go's caches of their builds 16;
 * what one more cluster takes is an estimate.
 */
const disk = { firstBuild: 30, cluster: 10 };

type RoomOptions = {
  airgap: boolean;
  /** Whose images and nodes count, too, where they lie on this machine. */
  docker?: Docker | undefined;
};

/** Where everything of a new cluster lies: of its folders the one with the fullest disk, in GiB. */
export async function diskRoom(options: RoomOptions): Promise<{
  folder: string;
  free: number;
  needed: number;
}> {
  const needed = (await buildsAll(options)) ? disk.firstBuild : disk.cluster;
  const folders = [existsSync(cacheFolder) ? cacheFolder : homedir(), await dataOf(options.docker)];
  const rooms = await Promise.all(
    folders.filter(existsSync).map(async (folder) => {
      const { bavail, bsize } = await statfs(folder);
      return { folder, free: (bavail * bsize) / GIB, needed };
    }),
  );
  return rooms.reduce((fullest, room) => (room.free < fullest.free ? room : fullest));
}

const dataOf = async (docker: Docker | undefined) =>
  (await docker?.run(['info', '--format', '{{.DockerRootDir}}']).catch(() => ''))?.trim() ?? '';

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
export async function requireRoom(options: RoomOptions): Promise<void> {
  const { folder, free, needed } = await diskRoom(options);
  if (free >= needed) return;
  throw new CommandFailure(
    `a cluster takes ${needed} GiB of disk at ${folder}, and ${free.toFixed(1)} GiB are free: free more`,
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

/** @throws CommandFailure where a cluster is to be used at other ports than it was made with */
export async function requireSamePorts(docker: Docker, names: ClusterNames): Promise<void> {
  const nodes = ofCluster(names.cluster);
  const given = [
    { filter: nodes, inside: NODE_PORT, port: names.port, option: '--port' },
    {
      ...{ filter: `name=^${names.registry}$`, inside: 5_000 },
      ...{ port: names.registryPort, option: '--registry-port' },
    },
  ];
  for (const { filter, inside, port, option } of given) {
    const ports = await docker.run(['ps', '--filter', filter, '--format', '{{.Ports}}']);
    const has = new RegExp(`:(\\d+)->${inside}/tcp`).exec(ports)?.[1];
    if (has === undefined || has === `${port}`) continue;
    throw new CommandFailure(
      `the cluster ${names.cluster} was made with ${option} ${has}: give that instead of ${port}, or ` +
        'remove the cluster first (`darkroom cluster down`)',
    );
  }
}

async function requirePort(port: number, purpose: string, option: string): Promise<void> {
  if (await isFree(port)) return;
  throw new CommandFailure(
    `port ${port}, which the cluster's ${purpose} is to have, is taken: end the program that listens ` +
      `there (\`ss -ltnp 'sport = :${port}'\` names it), or give another port with ${option}`,
  );
}
