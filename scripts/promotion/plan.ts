import type { Manifest } from '../render/manifest.ts';
import { nameOf } from '../render/manifest.ts';
import { type Difference, tellDifference } from './differences.ts';
import type { ImageCopy } from './images.ts';
import type { ModelCopy } from './models.ts';
import type { Wave, WaveName } from './waves.ts';

/** What becomes of an object. */
export type Change = {
  object: string;
  action: 'create' | 'change' | 'delete';
  /** Of a change: every field that becomes another. */
  fields: Difference[];
};

/** What a promotion will do, as plain data: it can be shown, kept and compared. */
export type Plan = {
  release: string;
  /** SHA-256 of its lock. */
  lock: string;
  /** Null: it enters here. */
  from: string | null;
  to: string;
  /** The release that the target goes back to if anything fails; null before its first. */
  previous: string | null;
  /** It was begun before, and is gone on with. */
  continues: boolean;
  images: ImageCopy[];
  /** Those of the object store; what comes with Darkroom is not among them. */
  models: ModelCopy[];
  changes: Change[];
  /** Objects of each wave, in the order in which they are applied. */
  waves: { name: WaveName; objects: number }[];
  steps: StepName[];
};

/** All that a promotion does after its plan was approved, in this order. */
export const stepNames = [
  'copy images',
  'copy models',
  'record',
  'apply foundations',
  'apply infrastructure',
  'apply settings',
  'canary',
  'apply workloads',
  'remove obsolete objects',
  'smoke test',
  'bake',
  'verify',
] as const;
export type StepName = (typeof stepNames)[number];

/** The facts of which a plan is made. */
export type PlanFacts = Pick<
  Plan,
  'release' | 'lock' | 'from' | 'to' | 'previous' | 'continues'
> & {
  images: ImageCopy[];
  models: ModelCopy[];
  waves: readonly Wave[];
  changes: Change[];
  obsolete: readonly Manifest[];
};

/** Pure: the same facts give the same plan. */
export function planOf({ waves, changes, obsolete, ...facts }: PlanFacts): Plan {
  const deletions = obsolete.map(
    (object): Change => ({ object: nameOf(object), action: 'delete', fields: [] }),
  );
  return {
    ...facts,
    changes: [...changes, ...deletions].sort((a, b) => (a.object < b.object ? -1 : 1)),
    waves: waves.map(({ name, objects }) => ({ name, objects: objects.length })),
    steps: [...stepNames],
  };
}

/** For people: what changes, each field with what it was and what it becomes. */
export function tellPlan(plan: Plan): string {
  const { release, lock, from, to, previous, continues, images, models, changes } = plan;
  const copies = (all: readonly { from: string; to: string }[]) =>
    all.filter((each) => each.from !== each.to).length;
  const lines = changes.flatMap(({ object, action, fields }) => [
    `  ${action} ${object}`,
    ...fields.map((field) => `      ${tellDifference(field).slice(field.object.length + 2)}`),
  ]);
  return [
    `${release} (${lock}) ${from === null ? 'enters' : `from ${from} to`} ${to}`,
    `before:  ${previous ?? 'no release'}${continues ? '; an interrupted promotion is gone on with' : ''}`,
    `images:  ${images.length} by digest, ${copies(images)} between registries`,
    `models:  ${models.length} by digest, ${copies(models)} between object stores`,
    ...models.map(tellModel),
    `changes: ${changes.length === 0 ? 'none' : changes.length}`,
    ...lines,
  ].join('\n');
}

const tellModel = ({ name, digest, from, to }: ModelCopy): string =>
  `  ${name} ${digest} ${from === to ? `is expected at ${to}` : `from ${from} to ${to}`}`;
