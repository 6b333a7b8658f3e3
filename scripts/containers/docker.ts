import { execFileSync, spawnSync } from 'node:child_process';

/** Says why no Docker engine answers, or nothing when one does. */
export function engineTrouble(): string | undefined {
  const { error, stdout, stderr } = spawnSync('docker', ['version', '--format', '{{.Server.Os}}'], {
    encoding: 'utf8',
  });
  if (error !== undefined) return 'there is no `docker` command';
  return stdout.trim() === '' ? stderr.trim() : undefined;
}

/** Runs a docker command and gives its output; throws with the engine's own words. */
export function docker(...args: string[]): string {
  return execFileSync('docker', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 2 ** 20,
  }).trim();
}

/** The last lines that a container wrote, to either stream. */
export function containerLog(id: string): string {
  const { stdout, stderr } = spawnSync('docker', ['logs', '--tail', '30', id], {
    encoding: 'utf8',
  });
  return stdout + stderr;
}
