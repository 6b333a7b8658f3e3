import { setTimeout as pause } from 'node:timers/promises';
import { exec } from '../../../scripts/cluster/exec.ts';

type Usage = { residentMiB: number; cpuSeconds: number };

const PAGE = 4_096;
const TICKS_A_SECOND = 100;

/** What processes of a node use, summed over those of a name (proc_pid_stat(5)). */
async function usageOf(
  env: NodeJS.ProcessEnv,
  node: string,
  names: readonly string[],
): Promise<Record<string, Usage>> {
  // A process may end while it is read.
  const script = 'cat /proc/[0-9]*/stat 2>/dev/null || true';
  const out = await exec('docker', ['exec', node, 'sh', '-c', script], { env });
  const usage = Object.fromEntries(names.map((name) => [name, { residentMiB: 0, cpuSeconds: 0 }]));
  for (const [, comm, rest = ''] of out.matchAll(/^\d+ \((.*)\) (.*)$/gm)) {
    // The kernel keeps 15 characters of a name.
    const of = usage[names.find((name) => name.slice(0, 15) === comm) ?? ''];
    if (of === undefined) continue;
    // From the third field on.
    const fields = rest.split(' ').map(Number);
    of.cpuSeconds += ((fields[11] ?? 0) + (fields[12] ?? 0)) / TICKS_A_SECOND;
    of.residentMiB += ((fields[21] ?? 0) * PAGE) / 2 ** 20;
  }
  return usage;
}

/** Of one part: 1 is a core for all of the time. */
export type Watched = Record<string, { peakMiB: number; cores: number }>;

/**
 * Samples what programs use, until it is stopped.
 *
 * @param env of the docker that the nodes run on
 * @param programs by their node
 */
export function watchUsage(
  env: NodeJS.ProcessEnv,
  programs: Readonly<Record<string, readonly string[]>>,
): { stop(): Promise<Watched> } {
  const sample = async () => {
    const nodes = Object.entries(programs);
    const usages = await Promise.all(nodes.map(([node, names]) => usageOf(env, node, names)));
    return Object.assign({}, ...usages) as Record<string, Usage>;
  };
  const began = performance.now();
  const first = sample();
  const peaks: Record<string, number> = {};
  let stopped = false;
  const keepPeaks = (usage: Record<string, Usage>) => {
    for (const [name, { residentMiB }] of Object.entries(usage)) {
      peaks[name] = Math.max(peaks[name] ?? 0, residentMiB);
    }
    return usage;
  };
  const sampling = (async () => {
    while (!stopped) {
      keepPeaks(await sample());
      await pause(5_000);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await sampling;
      const [before, after] = [await first, keepPeaks(await sample())];
      const seconds = (performance.now() - began) / 1_000;
      const cores = (name: string, cpuSeconds: number) =>
        (cpuSeconds - (before[name]?.cpuSeconds ?? 0)) / seconds;
      return Object.fromEntries(
        Object.entries(after).map(([name, { cpuSeconds }]) => [
          name,
          { peakMiB: peaks[name] ?? 0, cores: cores(name, cpuSeconds) },
        ]),
      );
    },
  };
}
