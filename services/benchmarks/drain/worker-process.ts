import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { tellKeeper } from '@darkroom/testing';

/** `slots`: jobs at once in one process. */
export type WorkerOrder = { slots: number } & (
  | { system: 'darkroom'; amqpUrl: string; databaseUrl: string; model: string; engineMs: number }
  | { system: 'bullmq'; host: string; port: number }
  | { system: 'pg-boss'; databaseUrl: string }
);

export type WorkerProcesses = {
  pids: number[];
  /** Have all of them take jobs. */
  start(): Promise<void>;
  /** Have them finish what they have in hand and take no more. */
  stop(): Promise<void>;
  end(): Promise<void>;
};

/** Starts worker processes that wait to be told. */
export async function forkWorkers(count: number, order: WorkerOrder): Promise<WorkerProcesses> {
  const program = join(import.meta.dirname, 'worker.ts');
  const children = Array.from({ length: count }, () =>
    fork(program, [JSON.stringify(order)], { detached: true }),
  );
  for (const { pid } of children) tellKeeper(`group ${pid}`);
  const answers = () =>
    Promise.all(
      children.map(async (child) => {
        const ended = once(child, 'exit').then(([code]) => {
          throw new Error(`a worker of ${order.system} ended (${code})`);
        });
        await Promise.race([once(child, 'message'), ended]);
      }),
    );
  const tell = async (word: 'start' | 'stop') => {
    const answered = answers();
    for (const child of children) child.send(word);
    await answered;
  };
  await answers();
  return {
    pids: children.flatMap(({ pid }) => pid ?? []),
    start: () => tell('start'),
    stop: () => tell('stop'),
    async end() {
      const exits = children.map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(exits);
      for (const { pid } of children) tellKeeper(`forget ${pid}`);
    },
  };
}
