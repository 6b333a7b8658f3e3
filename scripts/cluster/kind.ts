import type { Docker } from './docker.ts';
import { thaw } from './engine.ts';
import { type ExecOptions, exec } from './exec.ts';
import { configOf } from './kind-config.ts';
import type { ClusterNames } from './names.ts';

/** kind, for one Docker engine. */
export type Kind = {
  clusters(): Promise<string[]>;
  nodes(cluster: string): Promise<string[]>;
  create(names: ClusterNames, options: { image: string; signal?: AbortSignal }): Promise<void>;
  delete(cluster: string): Promise<void>;
  /** Writes the cluster's access into kubectl's own configuration. */
  exportAccess(cluster: string): Promise<void>;
};

/** @param program the path of kind */
export function createKind(program: string, docker: Docker): Kind {
  const run = (args: string[], options: ExecOptions = {}) =>
    exec(program, args, { ...options, env: docker.env });
  const lines = (text: string) => text.split('\n').filter((line) => line !== '');
  const nodes = async (cluster: string) =>
    lines(await run(['get', 'nodes', '--name', cluster, '--quiet']));
  const remove = async (cluster: string) => {
    const removal = () => run(['delete', 'cluster', '--name', cluster]);
    await removal().catch(async () => {
      await thaw(docker, await nodes(cluster));
      await removal();
    });
  };
  return {
    clusters: async () => lines(await run(['get', 'clusters', '--quiet'])),
    nodes,
    create: async (names, { image, signal }) => {
      const creation = run(
        [
          ...['create', 'cluster', '--name', names.cluster, '--image', image],
          ...['--config', '-', '--wait', '240s'],
        ],
        { input: await configOf(names), timeoutMs: 600_000, ...(signal && { signal }) },
      );
      await creation.catch(async (error: unknown) => {
        // kind clears up after its own failures, but not when it is ended; half a cluster would be
        // taken for a whole one.
        await remove(names.cluster).catch(() => {});
        throw error;
      });
    },
    delete: remove,
    exportAccess: async (cluster) => {
      await run(['export', 'kubeconfig', '--name', cluster]);
    },
  };
}
