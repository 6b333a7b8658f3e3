import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { promisify } from 'node:util';
import { inherited } from './config.ts';
import { say } from './server.ts';

const run = promisify(execFile);
const servicePolicy = '/usr/sbin/policy-rc.d';
let installing: Promise<void> = Promise.resolve();

export const isRootOnDebian = (): boolean =>
  process.getuid?.() === 0 && existsSync('/etc/debian_version');

/** Installs Debian packages, one call at a time, without letting them start their own services. */
export function installDebianPackages(...packages: string[]): Promise<void> {
  installing = installing.catch(() => {}).then(() => install(packages));
  return installing;
}

async function install(packages: string[]): Promise<void> {
  const names = packages.join(' ');
  say(`installing Debian packages as root, once: ${names} …`);
  const began = performance.now();
  const progress = setInterval(() => {
    say(`installing ${names} … ${Math.round((performance.now() - began) / 1_000)} s`);
  }, 15_000);
  const env = { ...inherited, DEBIAN_FRONTEND: 'noninteractive' };
  const hadPolicy = existsSync(servicePolicy);
  if (!hadPolicy) await writeFile(servicePolicy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await run('apt-get', ['update', '-qq'], { env });
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
      env,
      maxBuffer: 64 * 2 ** 20,
    });
  } finally {
    clearInterval(progress);
    if (!hadPolicy) await rm(servicePolicy);
  }
}
