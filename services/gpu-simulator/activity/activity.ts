import type { Holder } from '../kubelet/pod-resources.ts';
import type { WorkerReading } from './worker-reading.ts';

/** Utilization is that of so long a time, or of a longer one where samples are further apart. */
const WINDOW_MS = 5_000;
/** A pod that has not answered for so long counts as idle: it may only be slow before. */
const STALE_MS = 10_000;

/** What a device does, as its holders tell. */
export type DeviceActivity = {
  holders: readonly Holder[];
  /** The share of the last seconds in which an engine ran on it, 0 to 1. */
  utilization: number;
  /** Memory of the processes that hold it. */
  usedBytes: number;
};

export type Activity = {
  /**
   * Asks who holds the devices and what they have done since.
   *
   * @param signal ends what is asked; what has been answered by then counts
   * @throws Error when the kubelet does not tell; the last known holders count until it does
   */
  sample(signal: AbortSignal): Promise<void>;
  of(deviceId: string): DeviceActivity;
};

type History = { busy: { at: number; seconds: number }[]; residentBytes: number };

/**
 * Follows the activity of each pod that holds a device: the growth of its engine's busy time.
 *
 * @param options.holders rejects when its signal aborts
 * @param options.read rejects for a pod that does not answer, which then counts as idle, and when its
 *   signal aborts
 * @param options.now in milliseconds
 */
export function createActivity(options: {
  holders: (signal: AbortSignal) => Promise<Holder[]>;
  read: (pod: Holder, signal: AbortSignal) => Promise<WorkerReading>;
  now?: () => number;
}): Activity {
  const { now = () => performance.now() } = options;
  let holders: readonly Holder[] = [];
  let histories = new Map<string, History>();

  const follow = async (pod: Holder, signal: AbortSignal): Promise<[string, History][]> => {
    const known = histories.get(podOf(pod));
    try {
      const { busySeconds: seconds, residentBytes } = await options.read(pod, signal);
      const at = now();
      // A counter that fell is a new process's.
      const earlier = known?.busy.filter((sample) => sample.seconds <= seconds) ?? [];
      const start = earlier.findLastIndex((sample) => sample.at <= at - WINDOW_MS);
      const busy = [...earlier.slice(Math.max(0, start)), { at, seconds }];
      return [[podOf(pod), { busy, residentBytes }]];
    } catch {
      const last = known?.busy.at(-1);
      if (known === undefined || last === undefined || last.at < now() - STALE_MS) return [];
      return [[podOf(pod), known]];
    }
  };

  return {
    sample: async (signal) => {
      const asking = options.holders(signal);
      // Also while the kubelet is away, the pods go on.
      const failure = await asking.then(
        (found) => {
          holders = found;
        },
        (error: unknown) => ({ error }),
      );
      const pods = new Map(holders.map((holder) => [podOf(holder), holder]));
      const following = [...pods.values()].map((pod) => follow(pod, signal));
      histories = new Map((await Promise.all(following)).flat());
      if (failure !== undefined) throw failure.error;
    },
    of: (deviceId) => {
      const own = holders.filter((holder) => holder.deviceId === deviceId);
      const pods = [...new Set(own.map(podOf))].flatMap((pod) => histories.get(pod) ?? []);
      const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
      return {
        holders: own,
        utilization: Math.min(1, sum(pods.map(utilizationOf))),
        usedBytes: sum(pods.map(({ residentBytes }) => residentBytes)),
      };
    },
  };
}

const podOf = ({ namespace, pod }: Holder): string => `${namespace}/${pod}`;

function utilizationOf({ busy }: History): number {
  const first = busy.at(0);
  const last = busy.at(-1);
  if (first === undefined || last === undefined || last.at === first.at) return 0;
  return (last.seconds - first.seconds) / ((last.at - first.at) / 1_000);
}
