import { readFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import { isRootOnDebian } from '@darkroom/testing/debian';
import { runningEngine } from './engine.ts';
import { exec } from './exec.ts';
import { diskRoom, isFree } from './host.ts';
import { registriesAnswer } from './images.ts';
import { lowLimits, mayRaiseLimits, remedyOf } from './inotify.ts';
import type { ClusterNames } from './names.ts';
import { installedVersion, toolVersions } from './tools.ts';

/** What one look at this machine found. */
export type Finding = {
  /** What was looked at. */
  what: string;
  /** `missing` keeps a cluster from being made; `note` does not. */
  verdict: 'good' | 'note' | 'missing';
  /** What was found. */
  found: string;
  /** What to do about it. */
  remedy?: string;
};

const GIB = 2 ** 30;
/** An estimate: nodes, services, and a linker that takes 2 GiB. */
const MEMORY_GIB = 6;

/** Looks at everything that a cluster needs of this machine, and changes nothing. */
export async function examine(names: ClusterNames): Promise<Finding[]> {
  return Promise.all([
    engine(),
    cgroups(),
    tool(
      'kind',
      'is built from its Go module by `darkroom cluster up` (needs Go)',
      toolVersions.kind,
    ),
    tool('kubectl', 'is built from its Go module (needs Go)', toolVersions.kubectl),
    tool('tilt', 'is needed by `tilt up` alone: https://docs.tilt.dev/install.html'),
    tool('go', 'is needed where no registry answers: apt-get install golang-go'),
    inotify(),
    memory(),
    disk(),
    port('API', names.port, '--port'),
    port('registry', names.registryPort, '--registry-port'),
    gpu(),
  ]);
}

async function engine(): Promise<Finding> {
  const what = 'Docker engine';
  const docker = await runningEngine();
  if (docker !== undefined) {
    const version = await docker.run(['version', '--format', '{{.Server.Version}}']);
    return { what, verdict: 'good', found: version.trim() };
  }
  const found = 'none answers';
  return isRootOnDebian()
    ? {
        ...{ what, verdict: 'note', found },
        remedy: '`darkroom cluster up` starts one, as root on Debian',
      }
    : { what, verdict: 'missing', found, remedy: 'start one: systemctl start docker' };
}

async function cgroups(): Promise<Finding> {
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '');
  const what = 'cgroups';
  if (/^cgroup2 \/sys\/fs\/cgroup /m.test(mounts)) {
    return { what, verdict: 'good', found: 'version 2' };
  }
  return {
    what,
    verdict: 'note',
    found: 'version 1',
    remedy: 'Kubernetes 1.35 still runs on it; start Linux with systemd.unified_cgroup_hierarchy=1',
  };
}

async function tool(
  what: string,
  remedy: string,
  { asks, fits, told }: { asks: string[]; fits: RegExp; told: string } = anyVersion,
): Promise<Finding> {
  const version = await installedVersion(what, asks);
  if (version !== undefined && fits.test(version)) {
    return { what, verdict: 'good', found: version };
  }
  const found = version === undefined ? 'not installed' : `${version}; wanted is ${told}`;
  return { what, verdict: 'note', found, remedy: `${what} ${remedy}` };
}

const anyVersion = { asks: ['version'], fits: /./, told: 'any' };

async function inotify(): Promise<Finding> {
  const what = 'inotify';
  const low = await lowLimits();
  if (low.length === 0) return { what, verdict: 'good', found: 'enough for four nodes' };
  const found = low.map(({ setting, value }) => `${setting} is ${value}`).join(', ');
  if (mayRaiseLimits()) {
    return { what, verdict: 'note', found, remedy: '`darkroom cluster up` raises it, as root' };
  }
  return { what, verdict: 'missing', found, remedy: low.map(remedyOf).join(' && ') };
}

async function memory(): Promise<Finding> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const available = text.match(/^MemAvailable:\s+(\d+) kB/m)?.[1];
  const gib = (available === undefined ? freemem() : Number(available) * 1024) / GIB;
  const found = `${gib.toFixed(1)} GiB available`;
  if (gib >= MEMORY_GIB) return { what: 'memory', verdict: 'good', found };
  return { what: 'memory', verdict: 'missing', found, remedy: `free ${MEMORY_GIB} GiB` };
}

async function disk(): Promise<Finding> {
  const airgap = !(await registriesAnswer());
  const { folder, free, needed } = await diskRoom({ airgap, docker: await runningEngine() });
  const found = `${free.toFixed(0)} GiB free at ${folder}`;
  if (free >= needed) return { what: 'disk', verdict: 'good', found };
  return { what: 'disk', verdict: 'missing', found, remedy: `free ${needed} GiB` };
}

async function port(purpose: string, number: number, option: string): Promise<Finding> {
  const what = `port ${number}`;
  if (await isFree(number)) return { what, verdict: 'good', found: `free for the ${purpose}` };
  return {
    what,
    verdict: 'note',
    found: 'taken, by this cluster or another program',
    remedy: `give the ${purpose} another with ${option} if the cluster is not up yet`,
  };
}

async function gpu(): Promise<Finding> {
  const what = 'GPU';
  try {
    const list = await exec('nvidia-smi', ['--list-gpus'], { timeoutMs: 10_000 });
    const docker = await runningEngine();
    const runtimes = (await docker?.run(['info', '--format', '{{json .Runtimes}}'])) ?? '';
    const found = list.trim().split('\n').join('; ');
    if (runtimes.includes('nvidia')) return { what, verdict: 'good', found };
    return {
      what,
      verdict: 'note',
      found: `${found}; Docker has no nvidia runtime`,
      remedy: 'nvidia-ctk runtime configure --runtime=docker --set-as-default --cdi.enabled',
    };
  } catch {
    return { what, verdict: 'note', found: 'none; GPUs are simulated, models run on the CPU' };
  }
}
