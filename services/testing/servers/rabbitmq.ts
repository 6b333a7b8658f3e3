import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Wait } from 'testcontainers';
import { given, inherited, programFolders } from './config.ts';
import { startContainer } from './container.ts';
import { installDebianPackages, isRootOnDebian } from './debian.ts';
import { accepts, freePort, removeFolder, startProgram, temporaryFolder } from './program.ts';
import {
  givenServer,
  type ProgramServer,
  refuseGiven,
  type Server,
  type ServerOptions,
} from './server.ts';

const runFile = promisify(execFile);

/** Packages keep the server itself here; on the PATH is a wrapper that insists on its own user. */
const PACKAGED = '/usr/lib/rabbitmq/bin';

/** `url` is AMQP; `managementUrl` RabbitMQ's HTTP API, user and password within both. */
export type Rabbitmq = Server & {
  url: string;
  managementUrl: string;
  /** Runs `rabbitmqctl` on a server of ours, for what the HTTP API cannot do; returns its output. */
  control(...args: string[]): Promise<string>;
};

/** RabbitMQ with its management plugin: from `AMQP_URL`, in a container, or as a program. */
export async function startRabbitmq(options: ServerOptions = {}): Promise<Rabbitmq> {
  if (given.amqpUrl !== undefined && options.private !== true) {
    const management = new URL(
      given.amqpManagementUrl ?? given.amqpUrl.replace(/^amqps?:/, 'http:'),
    );
    if (given.amqpManagementUrl === undefined) {
      management.port = '15672';
      management.pathname = '/';
    }
    return {
      ...givenServer('AMQP_URL'),
      url: given.amqpUrl,
      managementUrl: management.href,
      control: refuseGiven('AMQP_URL'),
    };
  }
  const started = await startContainer({
    image: 'rabbitmq:3.13.7-management',
    ports: [5672, 15672],
    ready: Wait.forLogMessage(/Server startup complete/),
  });
  if (started !== undefined) {
    const { server, host, ports, run } = started;
    return {
      ...server,
      url: `amqp://guest:guest@${host}:${ports[0]}`,
      managementUrl: `http://guest:guest@${host}:${ports[1]}/`,
      control: (...args) => run('rabbitmqctl', ...args),
    };
  }
  return startRabbitmqProgram();
}

async function findProgram(): Promise<string> {
  const find = () =>
    [PACKAGED, ...programFolders]
      .map((folder) => join(folder, 'rabbitmq-server'))
      .find((path) => existsSync(path));
  if (find() === undefined && isRootOnDebian()) await installDebianPackages('rabbitmq-server');
  const program = find();
  if (program === undefined) {
    throw new Error(
      'no RabbitMQ for the tests: set AMQP_URL to one with the management plugin, or start Docker, ' +
        'or install it (Debian: apt-get install rabbitmq-server)',
    );
  }
  return program;
}

/** RabbitMQ as a program of our own, whatever else there is. */
export async function startRabbitmqProgram(): Promise<Rabbitmq & ProgramServer> {
  const program = await findProgram();
  const folder = temporaryFolder('rabbitmq');
  const ports = await Promise.all(Array.from({ length: 4 }, freePort));
  const [amqp = 0, management = 0, distribution = 0, epmd = 0] = ports;
  await writeFile(join(folder, '.erlang.cookie'), crypto.randomUUID(), { mode: 0o400 });
  await writeFile(join(folder, 'plugins'), '[rabbitmq_management].\n');
  await writeFile(
    join(folder, 'rabbitmq.conf'),
    [
      `listeners.tcp.local = 127.0.0.1:${amqp}`,
      'management.tcp.ip = 127.0.0.1',
      `management.tcp.port = ${management}`,
      'disk_free_limit.absolute = 50MB',
      'raft.wal_max_size_bytes = 33554432',
      '',
    ].join('\n'),
  );
  // How often a quorum queue brings to date what is told of it, its policy for one; 5 s unless told.
  await writeFile(join(folder, 'advanced.config'), '[{rabbit, [{quorum_tick_interval, 500}]}].\n');
  const environment = {
    ...inherited,
    HOME: folder,
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `darkroom-${amqp}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(amqp),
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'absent'),
    // Erlang's schedulers would spin while they wait, on cores that the tests share.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +sbwtdcpu none +sbwtdio none',
  };
  // RabbitMQ would start an epmd that outlives it; ours belongs to the shell's process group.
  const command = 'epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec "$0"';
  const launch = async () => {
    const running = startProgram({
      name: 'RabbitMQ',
      command: 'sh',
      args: ['-c', command, program],
      cwd: folder,
      env: environment,
    });
    await running.waitUntil(async () => (await accepts(amqp)) && (await accepts(management)), 90);
    return running;
  };
  let running = await launch();
  return {
    origin: 'program',
    url: `amqp://guest:guest@127.0.0.1:${amqp}`,
    managementUrl: `http://guest:guest@127.0.0.1:${management}/`,
    async control(...args) {
      const { stdout } = await runFile(join(dirname(program), 'rabbitmqctl'), args, {
        cwd: folder,
        env: environment,
      });
      return stdout;
    },
    data: join(folder, 'data'),
    signal: (signal) => running.signal(signal),
    halt: () => running.stop(),
    kill: () => running.kill(),
    async start() {
      running = await launch();
    },
    // Its data is thrown away, so there is nothing to wind down for.
    async stop() {
      await running.kill();
      await removeFolder(folder);
    },
  };
}
