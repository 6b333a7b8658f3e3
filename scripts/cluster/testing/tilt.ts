import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { findTool } from '../../render/tools.ts';
import { exec } from '../exec.ts';

/** Tilt on one checkout and one cluster. */
export type Tilt = {
  /** Runs a command of it to its end. */
  run(args: string[], options?: { timeoutMs?: number }): Promise<string>;
  /** Runs `tilt up` until it is stopped; what it says goes into a file. */
  up(args: string[], log: string): { stop(): Promise<void> };
};

/**
 * @param program its path
 * @param folder of the checkout
 * @param kubectl its path: Tilt and the commands of its buttons run it by its name
 */
export async function createTilt(
  program: string,
  { folder, kubectl }: { folder: string; kubectl: string },
): Promise<Tilt> {
  const tools = [dirname(kubectl), dirname(await findTool('kustomize'))];
  const buildkit = await exec('docker', ['buildx', 'version']).then(
    () => '1',
    () => '0',
  );
  const env = {
    ...process.env,
    PATH: [...tools, process.env.PATH].join(':'),
    // Beside the developer's own.
    TILT_DEV_DIR: join(folder, '.darkroom/tilt'),
    DO_NOT_TRACK: '1',
    DOCKER_BUILDKIT: buildkit,
  };
  return {
    run: (args, options) => exec(program, args, { cwd: folder, env, ...options }),
    up: (args, log) => {
      const child = spawn(program, ['up', '--stream', ...args], {
        cwd: folder,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      void keep(child, log);
      return {
        stop: async () => {
          if (child.exitCode !== null) return;
          child.kill('SIGTERM');
          await once(child, 'exit');
        },
      };
    },
  };
}

async function keep(child: ChildProcess, log: string): Promise<void> {
  await mkdir(dirname(log), { recursive: true });
  const file = createWriteStream(log);
  child.stdout?.pipe(file, { end: false });
  child.stderr?.pipe(file, { end: false });
}
