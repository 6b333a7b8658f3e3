import { readFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import process from 'node:process';
import { inotifyLimits } from './engine.ts';
import { exec } from './exec.ts';
import { diskRoom, isFree } from './host.ts';
import { registriesAnswer } from './images.ts';
import type { ClusterNames } from './names.ts';
import { cacheFolder } from './offline/cache.ts';
import { KUBECTL_VERSION } from './tools.ts';

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
    tool('kind', ['version'], 'is built from its Go module by `darkroom cluster up` (needs Go)'),
    tool(
      'kubectl',
      ['version', '--client'],
      'is built from its Go module (needs Go)',
      KUBECTL_VERSION,
    ),
    tool('tilt', ['version'], 'is needed by `tilt up` alone: https://docs.tilt.dev/install.html'),
    tool('go', ['version'], 'is needed where no registry answers: apt-get install golang-go'),
    ...Object.entries(inotifyLimits).map(([name, least]) => inotify(name, least)),
    memory(),
    disk(),
    port('API', names.port, '--port'),
    port('registry', names.registryPort, '--registry-port'),
    gpu(),
  ]);
}

const canStartEngine = () => process.getuid?.() === 0;

async function engine(): Promise<Finding> {
  const what = 'Docker engine';
  try {
    const version = await exec('docker', ['version', '--format', '{{.Server.Version}}'], {
      timeoutMs: 10_000,
    });
    return { what, verdict: 'good', found: version.trim() };
  } catch (error) {
    const found = String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
    return canStartEngine()
      ? {
          what,
          verdict: 'note',
          found,
          remedy: '`darkroom cluster up` starts one, as root on Debian',
        }
      : { what, verdict: 'missing', found, remedy: 'start one: systemctl start docker' };
  }
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

async function tool(what: string, args: string[], remedy: string, fits = /./): Promise<Finding> {
  try {
    const [first = ''] = (await exec(what, args, { timeoutMs: 10_000 })).split('\n');
    if (fits.test(first)) return { what, verdict: 'good', found: first.trim() };
    return {
      what,
      verdict: 'note',
      found: `${first.trim()}, too old`,
      remedy: `${what} ${remedy}`,
    };
  } catch {
    return { what, verdict: 'note', found: 'not installed', remedy: `${what} ${remedy}` };
  }
}

async function inotify(name: string, least: number): Promise<Finding> {
  const what = `fs.inotify.${name}`;
  const value = Number(
    await readFile(`/proc/sys/fs/inotify/${name}`, 'utf8').catch(() => String(least)),
  );
  if (value >= least) return { what, verdict: 'good', found: String(value) };
  return {
    what,
    verdict: 'missing',
    found: `${value}; pods of a cluster of four nodes fail with "too many open files"`,
    remedy: `sysctl -w ${what}=${least}`,
  };
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
  const { free, needed } = await diskRoom({ airgap: !(await registriesAnswer()) });
  const found = `${free.toFixed(0)} GiB free`;
  if (free >= needed) return { what: 'disk', verdict: 'good', found };
  return {
    what: 'disk',
    verdict: 'missing',
    found,
    remedy: `free ${needed} GiB at ${cacheFolder}`,
  };
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
    const runtimes = await exec('docker', ['info', '--format', '{{json .Runtimes}}'], {
      timeoutMs: 10_000,
    }).catch(() => '');
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
