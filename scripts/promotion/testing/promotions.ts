import { expect } from 'vitest';
import type { Kubectl } from '../../cluster/kubectl.ts';
import type { Report } from '../report.ts';
import { darkroom, endOf, type Run } from './darkroom.ts';
import type { Staging } from './two-clusters.ts';

/** Promotions between the two clusters, run as a user runs them. */
export type Promotions = {
  /** A release enters staging. */
  enter(release: string, ...more: string[]): Promise<Report>;
  /** Staging's release goes on to production. */
  goOn(...more: string[]): Promise<Report>;
  /** The same, however it ends. */
  tryToGoOn(options?: {
    environments?: string;
    more?: readonly string[];
    onLine?: (line: string, pid: number) => void;
  }): Promise<Run>;
  /** A release goes straight to production, where its folder says that it may. */
  enterProduction(
    release: string,
    options: { environments: string; onLine?: (line: string) => void },
  ): Promise<Run>;
  /** Another command of `promote`, on an environment. */
  look(command: string, ...args: string[]): Promise<Run>;
  /** What production holds of its workloads, and its record. */
  versions(): Promise<unknown>;
};

/** @param production also one that is still being made */
export function createPromotions(one: Staging, production: Promise<Kubectl>): Promotions {
  const { releases } = one.source;
  const common = (environments = one.environments) => [
    ...['--environments', environments, '--releases', releases, '--yes', '--json'],
  ];
  const done = (run: Run): Report => {
    expect(run.code, endOf(run)).toBe(0);
    const report = JSON.parse(run.stdout) as Report;
    // Where the time of the tests goes.
    const times = report.steps.map(({ step, seconds }) => `${step} ${seconds}`).join(', ');
    console.error(`promotion, seconds: ${times}`);
    return report;
  };
  const tryToGoOn: Promotions['tryToGoOn'] = ({ environments, more = [], onLine } = {}) =>
    darkroom(
      ['promote', '--from', 'staging', '--to', 'production', ...common(environments), ...more],
      { ...(onLine && { onLine }) },
    );
  return {
    enter: async (release, ...more) =>
      done(
        await darkroom([
          ...['promote', '--release', `${releases}/${release}`, '--to', 'staging'],
          ...common(),
          ...more,
        ]),
      ),
    goOn: async (...more) => done(await tryToGoOn({ more })),
    tryToGoOn,
    enterProduction: (release, { environments, onLine }) =>
      darkroom(
        [
          ...['promote', '--release', `${releases}/${release}`, '--to', 'production'],
          ...common(environments),
        ],
        { ...(onLine && { onLine }) },
      ),
    look: (command, ...args) =>
      darkroom(['promote', command, '--environments', one.environments, ...args]),
    versions: async () => versionsOf(await production),
  };
}

async function versionsOf(kubectl: Kubectl): Promise<unknown> {
  type Item = { kind: string; metadata: { name: string }; spec: Record<string, unknown> };
  const kinds = 'deployments,statefulsets,daemonsets,scaledobjects,networkpolicies,resourcequotas';
  const list = await kubectl.get<{ items: Item[] }>([kinds, '--all-namespaces']);
  const record = await kubectl.get<{ data?: { history: string } }>([
    ...['configmap/history', '--namespace', 'darkroom-releases'],
  ]);
  return {
    // Replicas are the autoscaler's.
    specs: list?.items.map(({ kind, metadata, spec: { replicas: _, ...spec } }) => [
      ...[kind, metadata.name],
      spec,
    ]),
    history: record?.data?.history,
  };
}
