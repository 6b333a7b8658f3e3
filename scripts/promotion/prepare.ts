import type { DarkroomClient } from '@darkroom/client/source';
import { checkEnvironment } from '../../platform/checks/check-environment.ts';
import { differencesOf } from '../../platform/checks/equal-environments.ts';
import type { Finding } from '../../platform/checks/finding.ts';
import { checkSchemas } from '../../platform/checks/schemas.ts';
import { CREDENTIALS } from '../cluster/manifests.ts';
import type { ReleaseLock } from '../release/lock.ts';
import type { Release } from '../release/read-release.ts';
import { type Manifest, nameOf } from '../render/manifest.ts';
import { obsoleteOf } from './apply.ts';
import { readChanges } from './changes.ts';
import { driftOf, fieldDifferences, tellDifference } from './differences.ts';
import { type Environment, renderFor } from './environment.ts';
import { checkGates } from './gates.ts';
import { clientOf, type GoldenRequest, goldenRequests } from './golden.ts';
import { imageCopies } from './images.ts';
import { readLive } from './live.ts';
import { type ModelStore, modelStoreOf } from './model-store.ts';
import { modelCopies, unboundWorkers } from './models.ts';
import type { PromoteOptions } from './options.ts';
import { type Plan, planOf } from './plan.ts';
import { preflight } from './preflight.ts';
import { openPrometheus, PROMETHEUS, pagingAlerts } from './prometheus.ts';
import {
  allObjects,
  type Bound,
  currentOf,
  type History,
  heldObjects,
  interruptedOf,
  isSame,
  lockDigest,
  objectsDigest,
  type StoredRelease,
} from './record.ts';
import { type Refusal, refuse } from './refusal.ts';
import { type Wave, wavesOf } from './waves.ts';

/** A promotion that may be carried out, with its plan. */
export type Prepared = {
  release: Release;
  bound: Bound;
  source: Environment | undefined;
  target: Environment;
  history: History;
  objects: StoredRelease['objects'];
  waves: Wave[];
  /** What earlier releases have left. */
  obsolete: Manifest[];
  golden: GoldenRequest[];
  /** Of the target and, where there is one, of the source. */
  clients: { target: DarkroomClient; source: DarkroomClient | undefined };
  modelStores: { target: ModelStore; source: ModelStore | undefined };
  plan: Plan;
  isDone: boolean;
};

/**
 * Finds out everything that can be known before anything is changed.
 *
 * @throws CommandFailure with all that speaks against it
 */
export async function prepare(facts: {
  options: PromoteOptions;
  release: Release;
  source: Environment | undefined;
  target: Environment;
  tell: (what: string) => void;
  signal: AbortSignal;
}): Promise<Prepared> {
  const { options, release, source, target, tell, signal } = facts;
  const lock = lockDigest(release.lock);
  const what = `${release.lock.release} is not promoted to ${target.target.name}`;

  tell('the records');
  const history = await target.record.history();
  const sourceHistory = source && (await source.record.history());
  refuse(
    what,
    checkGates({
      lock,
      release: release.lock.release,
      source: source &&
        sourceHistory && {
          target: source.target,
          history: sourceHistory,
          now: await source.api.time(),
        },
      target: {
        target: target.target,
        history: options.retry ? history.filter(({ state }) => state !== 'rejected') : history,
        now: await target.api.time(),
      },
      now: Date.now(),
    }),
  );

  tell('the manifests');
  const [{ text, ...objects }, inSource] = await Promise.all([
    renderFor(release, target),
    source && renderFor(release, source),
  ]);
  refuse(what, await checkManifests({ release, target, source, objects, text, inSource }));
  if (source !== undefined && inSource !== undefined) {
    tell(source.target.name);
    refuse(
      what,
      await checkSource(source, allObjects(inSource), {
        soakSeconds: target.target.soakSeconds,
        signal,
      }),
    );
  }

  tell(target.target.name);
  const all = allObjects(objects);
  const modelStores = {
    target: modelStoreOf(target.target, all),
    source: source && inSource && modelStoreOf(source.target, allObjects(inSource)),
  };
  const models = modelCopies(release.lock.models, modelStores.source, modelStores.target);
  const { kubernetes } = release.lock.versions;
  const forwarded = [
    PROMETHEUS.namespace,
    ...(models.length > 0 && modelStores.target.service
      ? [modelStores.target.service.namespace]
      : []),
  ];
  refuse(what, await preflight(target.api, all, { kubernetes, forwarded }));
  const live = await readLive(target.api, all, await heldObjects(target.record));
  const { changes, refusals } = await readChanges(target.api, all, live.objects);
  refuse(
    what,
    options.forceConflicts ? refusals.filter(({ field }) => field === undefined) : refusals,
  );
  const obsolete = obsoleteOf(live);
  const running = currentOf(history);
  const interrupted = interruptedOf(history);
  const bound = { lock, objects: objectsDigest(objects) };
  const waves = wavesOf(objects);
  const plan = planOf({
    release: release.lock.release,
    lock,
    from: source?.target.name ?? null,
    to: target.target.name,
    previous: running?.release ?? null,
    continues: interrupted !== undefined && isSame(interrupted, bound),
    images: imageCopies(
      source && inSource && { target: source.target, objects: allObjects(inSource) },
      { target: target.target, objects: all },
    ),
    models,
    waves,
    changes,
    obsolete,
  });
  const isDone =
    running !== undefined &&
    isSame(running, bound) &&
    interrupted === undefined &&
    plan.changes.length === 0;
  const golden = await goldenRequests(release);
  const clients = {
    target: await clientOf(target.api, target.target),
    source: source && (await clientOf(source.api, source.target)),
  };
  return {
    ...{ release, bound, source, target, history, objects, waves, obsolete, golden },
    ...{ clients, modelStores, plan, isDone },
  };
}

/** The release in the target differs from that in the source where an environment may, and is right by itself. */
async function checkManifests(facts: {
  release: Release;
  source: Environment | undefined;
  target: Environment;
  objects: StoredRelease['objects'];
  text: string;
  inSource: StoredRelease['objects'] | undefined;
}): Promise<Refusal[]> {
  const { release, source, target, objects, text, inSource } = facts;
  const all = allObjects(objects);
  const differences =
    source === undefined || inSource === undefined
      ? []
      : differencesOf(
          { name: source.target.name, objects: allObjects(inSource) },
          { name: target.target.name, objects: all },
        );
  const findings = checkEnvironment(target.target.name, all, lockedImages(release.lock));
  const asRefusal = (check: string) => (finding: Finding) => ({ check, ...finding });
  return [
    ...differences.map(asRefusal('unchanged')),
    ...findings.map(asRefusal('policy')),
    ...unboundWorkers(all, release.lock.models),
    ...(await checkSchemas(text)).map((problem) => ({
      check: 'schema',
      problem,
      remedy: 'correct it in the environment, or build another release',
    })),
  ];
}

const lockedImages = ({ images }: ReleaseLock) =>
  Object.entries(images).map(([name, { tag = '', digest }]) => ({ name, newTag: tag, digest }));

/** The source still is what was verified there, and nobody is woken because of it. */
async function checkSource(
  { target, api, record }: Environment,
  rendered: readonly Manifest[],
  { soakSeconds, signal }: { soakSeconds: number; signal: AbortSignal },
): Promise<Refusal[]> {
  const running = currentOf(await record.history());
  const stored = running && (await record.release(running));
  if (stored?.applied === undefined) {
    return [
      {
        check: 'verified',
        problem: `${target.name} has no record of what it verified`,
        remedy: `promote the release to ${target.name} again`,
      },
    ];
  }
  const live = await readLive(api, allObjects(stored.objects));
  const verified = new Map(allObjects(stored.objects).map((object) => [nameOf(object), object]));
  const edited = rendered
    .flatMap((object) => fieldDifferences(verified.get(nameOf(object)) ?? object, object))
    // A Secret may have been rotated since; the pods that read it are rolled by the next promotion.
    .filter(({ field }) => !field.endsWith(CREDENTIALS))
    .map(({ object, field, was, is }) => ({
      check: 'source',
      object,
      field,
      problem: `${target.name} was verified with ${JSON.stringify(was)}, and its folder now says ${JSON.stringify(is)}`,
      remedy: `promote to ${target.name} again, so that what goes on is what was seen working`,
    }));
  const drift = driftOf(stored.applied, live).map((difference) => ({
    check: 'drift',
    problem: `${target.name}: ${tellDifference(difference)}`,
    remedy: `put it right (darkroom promote rollback ${target.name} --to-current), or release it`,
  }));
  const prometheus = await openPrometheus(api, signal);
  try {
    const fired = await pagingAlerts(prometheus, { withinSeconds: soakSeconds });
    const alerts = fired.filter((alert) => !target.toleratedAlerts.includes(alert));
    return [
      ...edited,
      ...drift,
      ...alerts.map((alert) => ({
        check: 'objectives',
        problem: `the alert ${alert} fires or has fired in ${target.name} within the soak time`,
        remedy: `see docs/runbooks/${alert}.md`,
      })),
    ];
  } finally {
    prometheus.close();
  }
}
