import { type ServiceProcess, startService } from './service-process.ts';

/** Worker processes; one that was ended is replaced at once. */
export function startFleet(size: number, environment: Record<string, string>) {
  const workers = new Map<string, ServiceProcess>();
  let started = 0;
  const add = () => {
    const name = `worker-${started++}`;
    workers.set(name, startService('worker', { ...environment, WORKER_ID: name }));
  };
  while (started < size) add();
  const ready = () =>
    Promise.all([...workers.values()].map((worker) => worker.line('worker started')));
  return {
    ready,
    /** The named worker, or any that is there. */
    pick: (name: string | null, random: () => number): [string, ServiceProcess] => {
      const entries = [...workers];
      const named = entries.find(([each]) => each === name);
      return named ?? (entries[Math.floor(random() * entries.length)] as [string, ServiceProcess]);
    },
    /** @returns what the worker ended with */
    endAndReplace: async (name: string, signal: 'SIGKILL' | 'SIGTERM') => {
      const worker = workers.get(name);
      if (worker === undefined) throw new Error(`there is no worker ${name}`);
      worker.kill(signal);
      const ended = await worker.ended;
      workers.delete(name);
      add();
      return ended;
    },
    /** Once all have started: a process that has just begun dies of SIGTERM. */
    stop: async () => {
      await ready();
      for (const worker of workers.values()) worker.kill('SIGTERM');
      return await Promise.all([...workers.values()].map((worker) => worker.ended));
    },
  };
}

export type Fleet = ReturnType<typeof startFleet>;
