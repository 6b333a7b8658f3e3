import { readFile } from 'node:fs/promises';

/** Resident memory of a process in bytes, from Linux's own books: now, or the most it ever had. */
async function memoryOf(pid: number | 'self', what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} has no resident memory any more`);
  return Number(kibibytes) * 1024;
}

/** The most memory that this process ever had resident. */
export const peakBytes = (): Promise<number> => memoryOf('self', 'VmHWM');

export type MemoryWatch = {
  /** Growth of all processes together, as a share of what they had at the mark. */
  stop(): Promise<number>;
};

/**
 * Looks at processes once a second and compares the mean of the ten seconds after `settleMs` with the
 * mean of the last ten: garbage comes and goes, and one look may fall on either.
 */
export function watchMemory(pids: readonly number[], settleMs: number): MemoryWatch {
  const looks: { atMs: number; bytes: number }[] = [];
  const began = performance.now();
  const look = async () => {
    const sizes = await Promise.all(pids.map((pid) => memoryOf(pid, 'VmRSS')));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    looks.push({ atMs: performance.now() - began, bytes });
  };
  const timer = setInterval(() => void look(), 1_000);
  const mean = (from: number, to: number) => {
    const within = looks.filter(({ atMs }) => atMs >= from && atMs < to);
    if (within.length === 0) throw new Error('the memory was not watched for long enough');
    return within.reduce((sum, { bytes }) => sum + bytes, 0) / within.length;
  };
  return {
    async stop() {
      clearInterval(timer);
      await look();
      const end = looks.at(-1)?.atMs ?? 0;
      return mean(end - 10_000, end + 1) / mean(settleMs, settleMs + 10_000) - 1;
    },
  };
}
