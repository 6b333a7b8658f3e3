import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { repository } from '../../repository.ts';
import type { StepName } from '../plan.ts';

/** How a run of the command line ended. */
export type Run = { code: number | null; stdout: string; stderr: string };

/**
 * The command line as a user runs it.
 *
 * @param options.onLine told each line that it writes about its progress, with its process
 */
export async function darkroom(
  args: readonly string[],
  options: { onLine?: (line: string, pid: number) => void; env?: NodeJS.ProcessEnv } = {},
): Promise<Run> {
  // Without run.js, whose child a signal would not reach: this is the pinned Node already.
  const child = spawn(process.execPath, [join(repository, 'scripts/cli.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) options.onLine?.(line, child.pid ?? 0);
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, stdout, stderr };
}

/** Whether a line tells that a step of the plan begins. */
export const begins = (line: string, step: StepName): boolean => line.endsWith(`] ${step}`);

/** How a run ended, by the last lines that it wrote about itself: a plan before them is long. */
export const endOf = ({ stderr }: Run): string =>
  stderr.trimEnd().split('\n').slice(-12).join('\n');
