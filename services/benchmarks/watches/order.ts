import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

export type CrowdOrder = {
  url: string;
  /** `count` watches of each generation. */
  watches: { id: string; authorization: string; count: number }[];
};

export type CrowdResult = {
  watches: number;
  /** Were sent the terminal state and the end of the stream. */
  sawEnd: number;
  /** Ended in any other way. */
  brokeOff: number;
  /** Answered with any status but 200. */
  refused: number;
  /** All events together, without pings. */
  events: number;
};

export type Crowd = {
  /** Resolves when each watch has had its first event. */
  open: Promise<void>;
  /** Resolves when each watch has ended. */
  result: Promise<CrowdResult>;
};

/** Has a process of its own open watches. */
export function openCrowd(order: CrowdOrder): Crowd {
  const crowd = join(import.meta.dirname, 'crowd.ts');
  const child = spawn(process.execPath, [crowd, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout);
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`the crowd ended with ${code} before it told its result`);
  });
  failed.catch(() => {});
  const told = once(lines, 'line').then(() => {});
  const open = Promise.race([told, failed]);
  const result = open.then(async () => {
    const [line] = await Promise.race([once(lines, 'line'), failed]);
    return JSON.parse(line as string) as CrowdResult;
  });
  return { open, result };
}
