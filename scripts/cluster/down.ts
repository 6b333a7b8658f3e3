import { rm } from 'node:fs/promises';
import type { Docker } from './docker.ts';
import { findEngine, hasOwnEngine, removeNetwork, runningEngine, stopOwnEngine } from './engine.ts';
import { type ClusterNames, folderOf, ofCluster } from './names.ts';
import { createRegistry } from './registry.ts';
import { createSteps, type Steps } from './steps.ts';
import { findTools } from './tools.ts';

/**
 * Removes a cluster and all that `clusterUp` made for it: nodes, volumes, registry, kubectl's context,
 * bindings, and, with the last cluster, kind's network and the Docker engine if it was ours. What was
 * built stays in the cache folder, and limits of the kernel that were raised stay until it starts anew.
 */
export async function clusterDown(options: {
  names: ClusterNames;
  note: (line: string) => void;
}): Promise<void> {
  const { names, note } = options;
  const steps = createSteps(note);
  // An engine of ours that does not run may still hold the cluster: the machine was started anew.
  const docker = (await runningEngine()) ?? (hasOwnEngine() ? await findEngine(steps) : undefined);
  if (docker === undefined) steps.say('no Docker engine answers, so no cluster runs here');
  else await removeFrom(docker, names, steps);
  await rm(folderOf(names), { recursive: true, force: true });
}

async function removeFrom(docker: Docker, names: ClusterNames, steps: Steps): Promise<void> {
  const containers = async (filter: string) =>
    (await docker.run(['ps', '--all', '--quiet', '--filter', filter])).trim();
  if ((await containers(ofCluster(names.cluster))) === '') {
    steps.say(`there is no kind cluster ${names.cluster}`);
  } else {
    const { kind } = await findTools({ docker, names, steps });
    await steps.step(`removing the kind cluster ${names.cluster}`, () =>
      kind.delete(names.cluster),
    );
  }
  await createRegistry(docker, names).remove();
  if ((await containers(ofCluster())) !== '') return;
  await removeNetwork(docker);
  await stopOwnEngine(docker);
}
