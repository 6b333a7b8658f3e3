import { type Manifest, nameOf } from '../render/manifest.ts';
import { ApiError } from './api-error.ts';
import { fieldDifferences } from './differences.ts';
import { inBatches } from './in-batches.ts';
import type { KubeApi } from './kube-api.ts';
import { type Live, plain } from './live.ts';
import type { Change } from './plan.ts';
import type { Refusal } from './refusal.ts';

/**
 * What the cluster itself says would become of each object: it applies them without keeping the result.
 *
 * @param now the objects as the cluster has them
 * @returns what changes, and what it would refuse: fields that somebody else owns, with the owner
 */
export async function readChanges(
  api: KubeApi,
  objects: readonly Manifest[],
  now: Live['objects'],
): Promise<{ changes: Change[]; refusals: Refusal[] }> {
  const refusals: Refusal[] = [];
  const changes = await inBatches(objects, async (object): Promise<Change[]> => {
    const name = nameOf(object);
    if ((await api.resource(object)) === undefined) return [creation(name)];
    const live = now.get(name);
    try {
      const then = await api.apply(object, { dryRun: true });
      if (live === undefined) return [creation(name)];
      const fields = fieldDifferences(live, plain(then, object));
      return fields.length === 0 ? [] : [{ object: name, action: 'change', fields }];
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Its namespace comes with the release.
      if (live === undefined && error.status === 404) return [creation(name)];
      const causes = error.status === 409 && error.causes.length > 0 ? error.causes : [undefined];
      for (const cause of causes) {
        refusals.push({
          check: 'dry run',
          object: name,
          ...(cause?.field !== undefined && { field: cause.field }),
          problem: cause?.message ?? error.message,
          remedy:
            error.status === 409
              ? 'have its owner give the field up, or take it over with --force-conflicts'
              : 'see what the cluster refuses',
        });
      }
      return [];
    }
  });
  return { changes: changes.flat(), refusals };
}

const creation = (object: string): Change => ({ object, action: 'create', fields: [] });
