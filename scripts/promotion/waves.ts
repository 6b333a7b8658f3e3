import type { Manifest } from '../render/manifest.ts';
import type { StoredRelease } from './record.ts';

/** Objects that are applied together and run before the next come. */
export type Wave = { name: WaveName; objects: Manifest[] };

const waveNames = ['foundations', 'infrastructure', 'settings', 'workloads'] as const;
export type WaveName = (typeof waveNames)[number];

/** What an object needs before it can be applied: a namespace to be in, a kind to be of. */
const foundations = [
  'Namespace',
  'CustomResourceDefinition',
  'PriorityClass',
  'RuntimeClass',
  'DeviceClass',
];
/** What starts, ends or bounds pods of Darkroom. */
const workloads = [
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'CronJob',
  'ScaledObject',
  'PodDisruptionBudget',
];

/**
 * The order in which a release is applied. What Darkroom's pods read comes before the canary, which is made
 * of it, and the pods after.
 */
export function wavesOf({ infrastructure, apps }: StoredRelease['objects']): Wave[] {
  const waveOf = ({ kind }: Manifest, layer: 'infrastructure' | 'apps'): WaveName => {
    if (foundations.includes(kind)) return 'foundations';
    if (layer === 'infrastructure') return 'infrastructure';
    return workloads.includes(kind) ? 'workloads' : 'settings';
  };
  const all = [
    ...infrastructure.map((object) => ({ object, wave: waveOf(object, 'infrastructure') })),
    ...apps.map((object) => ({ object, wave: waveOf(object, 'apps') })),
  ];
  return waveNames.map((name) => ({
    name,
    objects: all.filter(({ wave }) => wave === name).map(({ object }) => object),
  }));
}
