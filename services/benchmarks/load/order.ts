import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type LoadOrder = {
  url: string;
  /** For example `generations.create`. */
  procedure: string;
  body: unknown;
  /** The header of that name. */
  authorization?: string | undefined;
  connections: number;
  seconds: number;
  /** Absent: as many as the connections carry. */
  perSecond?: number | undefined;
};

export type LoadResult = {
  accepted: number;
  /** 429 and 503. */
  refused: number;
  refusedWithoutRetryAfter: number;
  /** Any other status. */
  failed: number;
  /** Until the last answer. */
  seconds: number;
  /** Of those accepted. */
  p50Ms: number;
  p99Ms: number;
};

/** Has a process of its own put a load on a frontend. */
export async function generateLoad(order: LoadOrder): Promise<LoadResult> {
  const { stdout } = await run(process.execPath, [
    join(import.meta.dirname, 'generator.ts'),
    JSON.stringify(order),
  ]);
  return JSON.parse(stdout);
}
