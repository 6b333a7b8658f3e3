import type { CheckResult } from '@darkroom/lifecycle';
import packageJson from '../package.json' with { type: 'json' };
import { procedures, router } from '../trpc.ts';
import type { RouterServices } from './services.ts';

export type SystemStatus = {
  version: string;
  /** Whether new requests are taken. */
  ready: boolean;
  /** Of database, broker and storage. */
  checks: CheckResult[];
  /** Generations by model; null while the database is away. */
  models: { name: string; queued: number | null; running: number | null }[];
};

export const systemRouter = ({
  catalogue,
  probes,
  store,
}: Pick<RouterServices, 'catalogue' | 'probes' | 'store'>) =>
  router({
    /** How the service is; answers whatever is broken behind it. */
    status: procedures.system.query(async (): Promise<SystemStatus> => {
      const [readiness, active] = await Promise.all([
        probes.readiness(),
        store.countActive().catch(() => null),
      ]);
      const countOf = (model: string, state: 'queued' | 'running') =>
        active &&
        active
          .filter((entry) => entry.model === model && entry.state === state)
          .reduce((sum, { count }) => sum + count, 0);
      return {
        version: packageJson.version,
        ready: readiness.ready,
        checks: readiness.checks,
        models: catalogue.models.map(({ name }) => ({
          name,
          queued: countOf(name, 'queued'),
          running: countOf(name, 'running'),
        })),
      };
    }),
  });
