import { currentOf, type Entry, type History, interruptedOf, rejectionOf } from './record.ts';
import type { Refusal } from './refusal.ts';
import type { Target } from './target.ts';

/** What is asked of a release before it may go on. */
export type GateFacts = {
  /** SHA-256 of its lock. */
  lock: string;
  release: string;
  source: { target: Pick<Target, 'name'>; history: History; now: number } | undefined;
  target: {
    target: Pick<Target, 'name' | 'accepts' | 'soakSeconds'>;
    history: History;
    now: number;
  };
  /** This machine's time, in milliseconds since 1970. */
  now: number;
};

/** Clocks that differ by more make the soak time, and every record, worth nothing. */
const SKEW_MS = 60_000;

/** Whether a release may be promoted, by what the clusters have on record of it. Pure. */
export function checkGates(facts: GateFacts): Refusal[] {
  return [
    ...checkOrigin(facts),
    ...checkSoak(facts),
    ...checkRejection(facts),
    ...checkClocks(facts),
  ];
}

function checkOrigin({ source, target }: GateFacts): Refusal[] {
  const { name, accepts } = target.target;
  if (source === undefined) {
    if (accepts.length === 0) return [];
    return [
      {
        check: 'origin',
        object: `${name}/target.yaml`,
        field: 'accepts',
        problem: `takes releases from ${accepts.join(', ')} alone`,
        remedy: `promote it there first, then \`darkroom promote --from ${accepts[0]} --to ${name}\``,
      },
    ];
  }
  if (accepts.includes(source.target.name)) return [];
  return [
    {
      check: 'origin',
      object: `${name}/target.yaml`,
      field: 'accepts',
      problem: `takes nothing from ${source.target.name}`,
      remedy: `promote from ${accepts.join(', ') || 'a release folder (--release)'}, or add it there`,
    },
  ];
}

/** Verified in the source, still running there, and for long enough. */
function checkSoak({ source, target, release, lock }: GateFacts): Refusal[] {
  if (source === undefined) return [];
  const { name } = source.target;
  const running = currentOf(source.history);
  const interrupted = interruptedOf(source.history);
  if (interrupted !== undefined) {
    return [
      {
        check: 'verified',
        problem: `a promotion of ${interrupted.release} to ${name} was interrupted`,
        remedy: 'run it again to its end first',
      },
    ];
  }
  if (running === undefined || running.lock !== lock) {
    return [
      {
        check: 'verified',
        problem: `${name} runs ${running?.release ?? 'no release'}, not ${release} with the lock ${lock}`,
        remedy: `promote what was seen working: the release that ${name} runs`,
      },
    ];
  }
  const { soakSeconds } = target.target;
  const soaked = Math.floor((source.now - Date.parse(running.endedAt ?? '')) / 1_000);
  if (soaked >= soakSeconds) return [];
  return [
    {
      check: 'soak',
      object: `${target.target.name}/target.yaml`,
      field: 'soakSeconds',
      problem: `asks for ${soakSeconds} s, and ${release} has run in ${name} for ${Math.max(soaked, 0)} s`,
      remedy: `wait for ${soakSeconds - soaked} s more`,
    },
  ];
}

function checkRejection({ target, lock }: GateFacts): Refusal[] {
  const rejected: Entry | undefined = rejectionOf(target.history, lock);
  if (rejected === undefined) return [];
  return [
    {
      check: 'rejected',
      problem: `${rejected.release} was rejected by ${target.target.name} at ${rejected.endedAt}: ${rejected.reason}`,
      remedy: 'mend it and build another release',
    },
  ];
}

function checkClocks({ source, target, now }: GateFacts): Refusal[] {
  const clocks = [
    { name: target.target.name, time: target.now },
    ...(source === undefined ? [] : [{ name: source.target.name, time: source.now }]),
  ];
  return clocks
    .filter(({ time }) => Math.abs(time - now) > SKEW_MS)
    .map(({ name, time }) => ({
      check: 'clocks',
      problem: `the clock of ${name} is ${Math.round((time - now) / 1_000)} s from this machine's`,
      remedy: 'set both by NTP: soak times and records depend on them',
    }));
}
