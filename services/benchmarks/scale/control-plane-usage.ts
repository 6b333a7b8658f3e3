import { exec } from '../../../scripts/cluster/exec.ts';

export type Usage = { residentMiB: number; cpuSeconds: number };

const PAGE = 4_096;
const TICKS_A_SECOND = 100;

/** What processes of a node use, summed over those of a name (proc_pid_stat(5)). */
export async function usageOf(
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
