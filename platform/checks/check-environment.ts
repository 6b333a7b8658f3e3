import type { Manifest } from '../../scripts/render/manifest.ts';
import { checkAddresses } from './addresses.ts';
import { checkAutoscaling } from './autoscaling.ts';
import { checkDefinitions } from './definitions.ts';
import type { Finding } from './finding.ts';
import { checkImages, type LockedImage } from './images.ts';
import { checkModels } from './models.ts';
import { checkDefaultDeny, checkNetworkPolicies } from './network.ts';
import { workloadsOf } from './pods.ts';
import { checkReferences } from './references.ts';
import { checkQuota, checkScheduling } from './scheduling.ts';
import { checkGrace, checkVariables } from './variables.ts';

/** Darkroom's own namespaces. */
const namespaces = [
  'darkroom',
  'darkroom-data',
  'darkroom-gpu',
  'darkroom-releases',
  'monitoring',
] as const;

/** Where images are built, so that none has its publisher's digest. */
const withoutDigests: readonly string[] = ['kind'];

/**
 * All that can be known to go wrong with an environment before anything of it is applied. Pure: it
 * looks at the objects alone.
 *
 * @param environment its name; one that is none of this repository's is a real cluster's
 * @param objects of both layers
 * @param lock of the images that others publish, where it is not that of this checkout
 */
export function checkEnvironment(
  environment: string,
  objects: readonly Manifest[],
  lock?: LockedImage[],
): Finding[] {
  const workloads = workloadsOf(objects);
  return [
    ...checkDefinitions(environment, objects),
    ...checkImages(workloads, {
      digests: !withoutDigests.includes(environment),
      ...(lock && { lock }),
    }),
    ...checkReferences(objects, workloads),
    ...checkVariables(objects, workloads),
    ...checkGrace(objects, workloads),
    ...checkAddresses(objects, workloads),
    ...checkScheduling(workloads),
    ...checkQuota(objects, workloads),
    ...checkAutoscaling(objects, workloads),
    ...checkModels(objects),
    ...checkNetworkPolicies(objects, workloads),
    ...checkDefaultDeny(objects, namespaces),
  ];
}
