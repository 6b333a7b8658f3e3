import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Report } from '../report.ts';

/** Runs `npm run chaos -- …` as a process of its own and resolves with its report. */
export async function runInSmall(...options: string[]): Promise<Report> {
  const program = fileURLToPath(new URL('../main.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--json', ...options], {
    maxBuffer: 2 ** 24,
  }).catch((failed: { stdout: string }) => failed);
  return JSON.parse(stdout);
}
