import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { installDebianPackages, isRootOnDebian } from '@darkroom/testing/debian';
import { retryFor } from '@darkroom/timing';
import { CommandFailure } from '../commands/failure.ts';
import { createDocker, type Docker } from './docker.ts';
import { exec } from './exec.ts';
import { NETWORK } from './names.ts';
import { cacheFolder } from './offline/cache.ts';
import type { Steps } from './steps.ts';

const socket = '/run/darkroom-docker.sock';
const folder = join(cacheFolder, 'engine');

/** The Docker engine that answers, and none is started. */
export async function runningEngine(): Promise<Docker | undefined> {
  for (const host of [undefined, `unix://${socket}`]) {
    const docker = await createDocker(host).catch(() => undefined);
    if (docker !== undefined && (await answers(docker))) return docker;
  }
  return undefined;
}

/** Whether there is an engine of our own that was started before. */
export const hasOwnEngine = (): boolean => existsSync(join(folder, 'data'));

/**
 * The Docker engine that answers. Where none does and we are root on Debian, a private one is started,
 * whose images and containers lie in the cache folder.
 *
 * @param start never starts one where false
 * @throws CommandFailure with what to install or start
 */
export async function findEngine(
  steps: Steps,
  { start = true }: { start?: boolean } = {},
): Promise<Docker> {
  const running = await runningEngine();
  if (running !== undefined) return running;
  if (!start || !isRootOnDebian()) {
    throw new CommandFailure(
      'no Docker engine answers: start one (`systemctl start docker`), or name it in DOCKER_HOST; ' +
        '`darkroom cluster doctor` tells what else is needed',
    );
  }
  return steps.step('starting a Docker engine of our own', startEngine);
}

const answers = (docker: Docker) =>
  docker.run(['version', '--format', '{{.Server.Version}}'], { timeoutMs: 10_000 }).then(
    () => true,
    () => false,
  );

async function startEngine(): Promise<Docker> {
  if (!existsSync('/usr/sbin/dockerd') && !existsSync('/usr/bin/dockerd')) {
    await installDebianPackages('docker.io', 'iptables');
  }
  await mkdir(folder, { recursive: true });
  // kind mounts it into its nodes.
  await mkdir('/lib/modules', { recursive: true });
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn(
    'dockerd',
    [
      ...['--host', `unix://${socket}`, '--data-root', join(folder, 'data')],
      ...['--exec-root', '/run/darkroom-docker', '--pidfile', join(folder, 'pid')],
      ...['--storage-driver', 'overlay2', '--mtu', await networkMtu()],
      ...(await runtimeFlags()),
    ],
    { detached: true, stdio: ['ignore', log, log] },
  );
  child.unref();
  const docker = await createDocker(`unix://${socket}`);
  await retryFor(60_000, async () => {
    if (await answers(docker)) return;
    throw new CommandFailure(
      `the Docker engine did not answer within a minute; its log is ${join(folder, 'log')}`,
    );
  });
  return docker;
}

/** Packets of containers must fit through the interface of the default route. */
async function networkMtu(): Promise<string> {
  const routes = await exec('ip', ['-json', 'route', 'show', 'default']);
  const [route] = JSON.parse(routes) as { dev: string }[];
  if (route === undefined) return '1500';
  return (await readFile(`/sys/class/net/${route.dev}/mtu`, 'utf8')).trim();
}

/**
 * A privileged container asks for every capability that the kernel knows. Where this process may not
 * have CAP_SYS_RESOURCE, runc refuses such containers, so a wrapper takes it out of what is asked for.
 */
async function runtimeFlags(): Promise<string[]> {
  const status = await readFile('/proc/self/status', 'utf8');
  const bounding = BigInt(`0x${status.match(/^CapBnd:\s*(\w+)$/m)?.[1] ?? 'ffffffffffffffff'}`);
  if ((bounding >> CAP_SYS_RESOURCE) & 1n) return [];
  const wrapper = join(folder, 'runc');
  await writeFile(wrapper, runcWithoutSysResource);
  await chmod(wrapper, 0o755);
  return ['--add-runtime', `darkroom=${wrapper}`, '--default-runtime', 'darkroom'];
}

/** As in linux/capability.h. */
const CAP_SYS_RESOURCE = 24n;

const runcWithoutSysResource = `#!/bin/sh
previous=
for argument in "$@"; do
  case "$previous" in
    --bundle | -b) file=$argument/config.json ;;
    --process | -p) file=$argument ;;
    *) file= ;;
  esac
  if [ -n "$file" ] && [ -f "$file" ]; then
    sed -i -e 's/"CAP_SYS_RESOURCE",//g' -e 's/,"CAP_SYS_RESOURCE"//g' "$file"
  fi
  previous=$argument
done
exec runc "$@"
`;

/**
 * Ends the engine if it is the one that `findEngine` started and nothing runs on it. The images that the
 * next cluster starts from stay in the cache folder.
 */
export async function stopOwnEngine(docker: Docker): Promise<void> {
  const file = join(folder, 'pid');
  if (!isOwn(docker) || !existsSync(file)) return;
  if ((await docker.run(['ps', '--quiet'])) !== '') return;
  await removeLeftovers(docker);
  process.kill(Number(readFileSync(file, 'utf8')), 'SIGTERM');
  await retryFor(30_000, async () => {
    if (existsSync(file)) throw new CommandFailure('the Docker engine did not end within 30 s');
  });
}

/**
 * Removes what builds leave: containers of their steps, and, where images have come to fill much of the disk,
 * those that a newer one has taken the name from and all but the newest of each repository in a cluster's
 * registry. Nobody else tidies an engine of our own: a day of work left 17 GiB. Until then the next build finds
 * what did not change; after it, it installs its packages anew.
 */
async function removeLeftovers(docker: Docker): Promise<void> {
  await docker.run(['container', 'prune', '--force']);
  if ((await gigabytesOfImages(docker)) < MOST_GIGABYTES) return;
  const format = '{{.Repository}} {{.ID}} {{.Tag}} {{.Digest}}';
  const list = await docker.run(['images', '--digests', '--format', format]);
  const newest = new Map<string, string>();
  for (const line of list.trim().split('\n')) {
    const [repository = '', id = '', tag = '', digest = ''] = line.split(' ');
    if (!/^(localhost|127\.0\.0\.1):/.test(repository)) continue;
    if (!newest.has(repository)) newest.set(repository, id);
    if (newest.get(repository) === id) continue;
    // The name alone: the image may have another that is kept.
    await docker.run([
      'rmi',
      tag === '<none>' ? `${repository}@${digest}` : `${repository}:${tag}`,
    ]);
  }
  await docker.run(['image', 'prune', '--force']);
}

/** Of images: those of a cluster take 5. */
const MOST_GIGABYTES = 12;

async function gigabytesOfImages(docker: Docker): Promise<number> {
  const sizes = await docker.run(['system', 'df', '--format', '{{.Type}} {{.Size}}']);
  const [, size = '0', unit] = sizes.match(/^Images ([\d.]+)(\w+)$/m) ?? [];
  return Number(size) * ({ GB: 1, TB: 1_000 }[unit ?? ''] ?? 0);
}

/**
 * Refuses packets to pods and Services that no node knows yet. Where the network's gateway answers for
 * every address, the API server would otherwise take its answers for those of a Service, and keep that
 * connection.
 */
export async function keepClusterTrafficInside(docker: Docker): Promise<void> {
  if (!isOwn(docker)) return;
  for (const rule of await refusals(docker)) {
    await exec('iptables', ['-C', ...rule]).catch(() => exec('iptables', ['-I', ...rule]));
  }
}

/** Removes the network of clusters, with its rules, unless something else is in it. */
export async function removeNetwork(docker: Docker): Promise<void> {
  const rules = await refusals(docker);
  const removed = await docker.run(['network', 'rm', NETWORK]).catch(() => undefined);
  if (removed === undefined || !isOwn(docker)) return;
  // They are there unless no cluster was whole.
  for (const rule of rules) await exec('iptables', ['-D', ...rule]).catch(() => {});
}

/** iptables rules, for packets to pods and Services that leave kind's network. */
async function refusals(docker: Docker): Promise<string[][]> {
  const inspect = ['network', 'inspect', NETWORK, '--format', '{{.Id}}'];
  const id = (await docker.run(inspect).catch(() => '')).trim();
  if (id === '') return [];
  const bridge = `br-${id.slice(0, 12)}`;
  return ['10.96.0.0/16', '10.244.0.0/16'].map((range) => [
    ...['DOCKER-USER', '-i', bridge, '!', '-o', bridge, '-d', range, '-p', 'tcp'],
    ...['-j', 'REJECT', '--reject-with', 'tcp-reset'],
  ]);
}

const isOwn = (docker: Docker) => docker.env.DOCKER_HOST === `unix://${socket}`;

/**
 * On cgroup v1 all containers together count as much as one login session, so on a busy machine the
 * control plane would lose its leases and restart. Here they count for two.
 */
export async function favourContainers(): Promise<void> {
  const shares = '/sys/fs/cgroup/cpu/docker/cpu.shares';
  if (process.getuid?.() === 0 && existsSync(shares)) await writeFile(shares, '2048');
}

/**
 * Lets processes of containers go on that their cgroup holds. On cgroup v1 runc freezes a cgroup for the
 * moment in which it changes its limits; what is in it when its node ends waits for ever, and no signal
 * ends it.
 */
export async function thaw(docker: Docker, containers: readonly string[]): Promise<void> {
  for (const container of containers) {
    const id = (await docker.run(['inspect', '--format', '{{.Id}}', container])).trim();
    const cgroup = join('/sys/fs/cgroup/freezer/docker', id);
    if (process.getuid?.() !== 0 || !existsSync(cgroup)) continue;
    for (const file of await readdir(cgroup, { recursive: true })) {
      // An inner cgroup may have ended meanwhile.
      if (file.endsWith('freezer.state'))
        await writeFile(join(cgroup, file), 'THAWED').catch(() => {});
    }
  }
}

/**
 * Gives containers what processor time the others leave. For the nodes of workers: on few cores, every
 * other program would wait for its turn behind them.
 */
export async function putLast(docker: Docker, containers: readonly string[]): Promise<void> {
  if (containers.length > 0) await docker.run(['update', '--cpu-shares', '10', ...containers]);
}
