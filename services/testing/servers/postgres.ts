import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import pg from 'pg';
import { Wait } from 'testcontainers';
import { given, programFolders } from './config.ts';
import { startContainer } from './container.ts';
import { installDebianPackages, isRootOnDebian } from './debian.ts';
import { freePort, removeFolder, startProgram, temporaryFolder } from './program.ts';
import { givenServer, type ProgramServer, type Server, type ServerOptions } from './server.ts';

const run = promisify(execFile);
const DEBIAN_VERSIONS = '/usr/lib/postgresql';

/** `url` names a user that may create databases. */
export type Postgres = Server & { url: string };

/** Postgres 15 or newer: from `DATABASE_URL`, in a container, or as a program. */
export async function startPostgres(options: ServerOptions = {}): Promise<Postgres> {
  if (given.databaseUrl !== undefined && options.private !== true) {
    return { ...givenServer('DATABASE_URL'), url: given.databaseUrl };
  }
  const started = await startContainer({
    image: 'postgres:15.14',
    ports: [5432],
    environment: { POSTGRES_HOST_AUTH_METHOD: 'trust' },
    command: ['postgres', '-c', 'max_connections=300'],
    // The first time it is ready only for its own setup.
    ready: Wait.forLogMessage(/database system is ready to accept connections/, 2),
  });
  if (started !== undefined) {
    const { server, host, ports } = started;
    return { ...server, url: `postgres://postgres@${host}:${ports[0]}/postgres` };
  }
  return startPostgresProgram();
}

/** The folder of `initdb` and `postgres`. */
async function findPrograms(): Promise<string> {
  const find = (): string | undefined => {
    const versions = existsSync(DEBIAN_VERSIONS) ? readdirSync(DEBIAN_VERSIONS) : [];
    const newest = versions.sort((a, b) => Number(b) - Number(a));
    return [
      ...newest.map((version) => join(DEBIAN_VERSIONS, version, 'bin')),
      ...programFolders,
    ].find((folder) => existsSync(join(folder, 'initdb')));
  };
  if (find() === undefined && isRootOnDebian()) await installDebianPackages('postgresql');
  const folder = find();
  if (folder === undefined) {
    throw new Error(
      'no Postgres for the tests: set DATABASE_URL to one whose user may create databases, or ' +
        'start Docker, or install it (Debian: apt-get install postgresql)',
    );
  }
  return folder;
}

/** `backUp` copies the data of the running server, as it is when that ends, into a new folder. */
export type PostgresProgram = Postgres & ProgramServer & { backUp(to: string): Promise<void> };

/** Postgres as a program of our own, whatever else there is. */
export async function startPostgresProgram(): Promise<PostgresProgram> {
  const programs = await findPrograms();
  const folder = temporaryFolder('postgres');
  const port = await freePort();
  const owner = process.getuid?.() === 0 ? await postgresUser() : undefined;
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  const data = join(folder, 'data');
  await run(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
    { cwd: folder, ...owner },
  );
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const launch = async () => {
    const settings = ['listen_addresses=127.0.0.1', 'max_connections=300'];
    const running = startProgram({
      name: 'Postgres',
      command: join(programs, 'postgres'),
      args: ['-D', data, '-p', String(port), '-k', folder, ...settings.flatMap((s) => ['-c', s])],
      cwd: folder,
      // Without waiting for its clients to leave.
      stopSignal: 'SIGINT',
      ...owner,
    });
    await running.waitUntil(() => answers(url), 60);
    return running;
  };
  let running = await launch();
  return {
    origin: 'program',
    url,
    data,
    async backUp(to) {
      const source = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
      const target = ['-D', to, '--checkpoint=fast', '--no-sync'];
      await run(join(programs, 'pg_basebackup'), [...source, ...target], {
        cwd: folder,
        timeout: 60_000,
        ...owner,
      });
    },
    signal: (signal) => running.signal(signal),
    halt: () => running.stop(),
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

/** Postgres refuses to run as root; its packages bring a user for it. */
async function postgresUser(): Promise<{ uid: number; gid: number }> {
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
