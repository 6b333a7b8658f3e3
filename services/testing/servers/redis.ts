import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { programFolders } from './config.ts';
import { startContainer } from './container.ts';
import { installDebianPackages, isRootOnDebian } from './debian.ts';
import { accepts, freePort, removeFolder, startProgram, temporaryFolder } from './program.ts';
import type { Server } from './server.ts';

export type Redis = Server & { host: string; port: number };

/**
 * Redis with an append-only file, for the peers of benchmarks: in a container, or as a program.
 *
 * @param options.appendfsync when a write is on disk: before its answer, or within a second
 */
export async function startRedis(options: { appendfsync: 'always' | 'everysec' }): Promise<Redis> {
  const settings = [
    ...['--appendonly', 'yes', '--appendfsync', options.appendfsync],
    ...['--save', '', '--maxmemory-policy', 'noeviction'],
  ];
  const started = await startContainer({
    image: 'redis:7.2.11',
    ports: [6379],
    command: ['redis-server', ...settings],
  });
  if (started !== undefined) {
    const { server, host, ports } = started;
    return { ...server, host, port: ports[0] ?? 0 };
  }
  return startInstalled(await findProgram(), settings);
}

async function findProgram(): Promise<string> {
  const find = () =>
    programFolders.map((folder) => join(folder, 'redis-server')).find((path) => existsSync(path));
  if (find() === undefined && isRootOnDebian()) await installDebianPackages('redis-server');
  const program = find();
  if (program === undefined) {
    throw new Error(
      'no Redis for the benchmark: start Docker, or install it (Debian: apt-get install redis-server)',
    );
  }
  return program;
}

async function startInstalled(program: string, settings: string[]): Promise<Redis> {
  const folder = temporaryFolder('redis');
  const port = await freePort();
  const launch = async () => {
    const running = startProgram({
      name: 'Redis',
      command: program,
      args: ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, ...settings],
      cwd: folder,
    });
    await running.waitUntil(() => accepts(port), 30);
    return running;
  };
  let running = await launch();
  return {
    origin: 'program',
    host: '127.0.0.1',
    port,
    kill: () => running.kill(),
    async start() {
      running = await launch();
    },
    async stop() {
      await running.kill();
      await removeFolder(folder);
    },
  };
}
