import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '../containers/docker.ts';
import { findEngine, stopOwnEngine } from './engine.ts';
import type { ClusterNames } from './names.ts';
import { createRegistry } from './registry.ts';
import { createSteps } from './steps.ts';
import { findTools } from './tools.ts';

/**
 * Removes a cluster and all that `clusterUp` made for it: nodes, volumes, registry, kubectl's context,
 * bindings, and the Docker engine if it was ours. What was built stays in the cache folder.
 */
export async function clusterDown(options: {
  names: ClusterNames;
  note: (line: string) => void;
}): Promise<void> {
  const { names, note } = options;
  const steps = createSteps(note);
  const docker = await findEngine(steps);
  const { kind } = await findTools({ docker, names, steps });
  await steps.step(`removing the kind cluster ${names.cluster}`, () => kind.delete(names.cluster));
  await createRegistry(docker, names).remove();
  await rm(join(repository, '.darkroom', 'clusters', names.cluster), {
    recursive: true,
    force: true,
  });
  if ((await kind.clusters()).length === 0) await stopOwnEngine(docker);
}
