import { CommandFailure } from '../commands/failure.ts';
import { type Manifest, nameOf } from '../render/manifest.ts';
import { applyWave, obsoleteIn, prune, untilCurrent } from './apply.ts';
import { fieldDifferences } from './differences.ts';
import type { Environment } from './environment.ts';
import { clientOf, makeGoldenPictures } from './golden.ts';
import { inBatches } from './in-batches.ts';
import type { KubeApi } from './kube-api.ts';
import { readLive } from './live.ts';
import { mergePatchOf } from './merge-patch.ts';
import { allObjects, type Entry, heldObjects } from './record.ts';
import { wavesOf } from './waves.ts';

/** What is gone back to ran before: it is waited for longer than a new release may have been given. */
const LEAST_ROLLOUT_SECONDS = 600;
const LEAST_PICTURE_SECONDS = 300;

/**
 * Puts an environment back to a release that was verified in it, and sees that it works. Everything that it
 * needs is in the cluster's own record.
 *
 * @throws CommandFailure where that does not work either: then somebody has to look
 */
export async function restore(
  { target, api, record }: Environment,
  options: { to: Entry; tell: (what: string) => void; signal: AbortSignal },
): Promise<void> {
  const { to, tell, signal } = options;
  const stored = await record.release(to);
  if (stored === undefined) {
    throw new CommandFailure(
      `the record of ${to.release} is missing in ${target.name}: promote it again from its folder`,
    );
  }
  const left = await heldObjects(record);
  const limitMs = Math.max(target.rolloutSeconds, LEAST_ROLLOUT_SECONDS) * 1_000;
  const pictureSeconds = Math.max(target.pictureSeconds, LEAST_PICTURE_SECONDS);
  const wait = { limitMs, tell, signal, patient: true };
  for (const wave of wavesOf(stored.objects)) {
    tell(wave.name);
    await applyWave(api, wave, { force: true });
    await takeAwayAdditions(api, wave.objects, stored.applied ?? []);
    await untilCurrent(api, wave.objects, wait);
  }
  await prune(api, await obsoleteIn(api, allObjects(stored.objects), left));
  tell('golden pictures');
  const client = await clientOf(api, target);
  const { name } = target;
  await makeGoldenPictures(client, stored.golden, {
    target: { name, pictureSeconds },
    tell,
    signal,
  });
  // All of it once more: after an API server that was away, what lost it may still have looked well in its wave.
  await untilCurrent(api, allObjects(stored.objects), wait);
}

/**
 * Takes away what others have added to objects of the release: an apply leaves fields alone that it does not
 * name.
 */
async function takeAwayAdditions(
  api: KubeApi,
  objects: readonly Manifest[],
  applied: readonly Manifest[],
): Promise<void> {
  const live = await readLive(api, objects);
  await inBatches(applied, async (object) => {
    const now = live.objects.get(nameOf(object));
    if (now === undefined || fieldDifferences(object, now).length === 0) return;
    await api.merge(object, mergePatchOf(now, object));
  });
}
