import { CommandFailure } from '../commands/failure.ts';
import { applyWave, obsoleteIn, prune, untilCurrent } from './apply.ts';
import { allObjects, type Environment } from './environment.ts';
import { clientOf, makeGoldenPictures } from './golden.ts';
import type { Entry } from './record.ts';
import { wavesOf } from './waves.ts';

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
  const limitMs = target.rolloutSeconds * 1_000;
  for (const wave of wavesOf(stored.objects)) {
    tell(wave.name);
    await applyWave(api, wave, { force: true });
    await untilCurrent(api, wave.objects, { limitMs, tell, signal });
  }
  await prune(api, await obsoleteIn(api, allObjects(stored.objects)));
  tell('golden pictures');
  const client = await clientOf(api, target);
  await makeGoldenPictures(client, stored.golden, { name: target.name, tell, signal });
}
