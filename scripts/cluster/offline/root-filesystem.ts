import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installDebianPackages, isRootOnDebian } from '@darkroom/testing/debian';
import { CommandFailure } from '../../commands/failure.ts';
import { exec } from '../exec.ts';
import type { Steps } from '../steps.ts';
import { cacheFolder, fingerprint, whole } from './cache.ts';

/** A Debian system in a folder: what an image without a base image begins with. */
type RootFilesystem = {
  /** Debian's release. */
  suite: 'bookworm' | 'trixie';
  packages: readonly string[];
};

/** Debian's packages, by what is made of them. */
const rootFilesystems = {
  // Bookworm's systemd still starts on cgroup v1.
  node: {
    suite: 'bookworm',
    packages: [
      ...['systemd', 'systemd-sysv', 'dbus', 'containerd', 'runc', 'containernetworking-plugins'],
      ...['conntrack', 'iptables', 'nftables', 'ebtables', 'ipset', 'iproute2', 'ethtool', 'socat'],
      ...['util-linux', 'mount', 'kmod', 'e2fsprogs', 'libseccomp2', 'pigz', 'procps'],
      ...['bash', 'ca-certificates', 'curl', 'jq'],
    ],
  },
  service: { suite: 'bookworm', packages: ['ca-certificates'] },
  rabbitmq: { suite: 'trixie', packages: ['ca-certificates', 'rabbitmq-server'] },
  postgres: { suite: 'trixie', packages: ['ca-certificates', 'postgresql-17'] },
} satisfies Record<string, RootFilesystem>;

export type RootFilesystemName = keyof typeof rootFilesystems;

/** Documentation, caches and what a package made for one machine; an image needs none of them. */
const unneeded = [
  ...['var/cache/apt', 'var/lib/apt/lists', 'var/log', 'usr/share/doc', 'usr/share/man'],
  ...['usr/share/locale', 'usr/share/info', 'usr/share/lintian', 'etc/rabbitmq', 'etc/postgresql'],
  ...['var/lib/rabbitmq', 'var/lib/postgresql'],
];

/** Its archive in the cache folder, whose name tells what it was made of. */
function rootFilesystemPath(name: RootFilesystemName): string {
  const { suite, packages } = rootFilesystems[name];
  const key = fingerprint(JSON.stringify([suite, packages, unneeded]));
  return join(cacheFolder, 'root-filesystems', `${name}-${key}.tar`);
}

/**
 * An archive of the root file system, made once by debootstrap and kept in the cache folder.
 *
 * @throws CommandFailure when there is no debootstrap
 * @throws ExecError when it cannot reach Debian's archive
 */
export async function rootFilesystem(
  name: RootFilesystemName,
  { steps, signal }: { steps: Steps; signal?: AbortSignal },
): Promise<string> {
  const { suite, packages } = rootFilesystems[name];
  const path = rootFilesystemPath(name);
  if (existsSync(path)) return path;
  const folder = await mkdtemp(join(tmpdir(), `darkroom-${name}-`));
  const tree = join(folder, 'tree');
  try {
    await steps.step(`installing Debian ${suite} for ${name}`, async (tell) => {
      await ensureDebootstrap();
      await exec(
        'debootstrap',
        ['--variant=minbase', `--include=${packages.join(',')}`, suite, tree],
        { timeoutMs: 1_800_000, onLine: tell, ...(signal && { signal }) },
      );
      for (const part of unneeded) {
        await rm(join(tree, part), { recursive: true, force: true });
        await mkdir(join(tree, part), { recursive: true });
      }
      const excluded = ['proc', 'sys', 'dev'].map((each) => `--exclude=./${each}/*`);
      await whole(path, async (unfinished) => {
        await exec('tar', ['-C', tree, '-cf', unfinished, ...excluded, '.']);
      });
    });
    return path;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function ensureDebootstrap(): Promise<void> {
  const found = await exec('debootstrap', ['--version']).then(
    () => true,
    () => false,
  );
  if (found) return;
  if (isRootOnDebian()) return installDebianPackages('debootstrap');
  throw new CommandFailure(
    'there is no debootstrap: install it (apt-get install debootstrap), or give the cluster ' +
      'registries that answer',
  );
}
