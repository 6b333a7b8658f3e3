import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokerDefinitions } from '@darkroom/messaging';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Manifest, nameOf } from '../../scripts/render/manifest.ts';
import { platformPath, renderFolder } from '../../scripts/render/render.ts';
import { tell } from '../checks/finding.ts';
import { checkModels } from '../checks/models.ts';

let platform = '';
let objects: Manifest[] = [];

/** Adds a model as docs/platform.md says: a folder, changed in two files, and a line. */
async function addModel(name: string, values: Record<string, string>): Promise<void> {
  const folder = join(platform, 'models', name);
  await cp(join(platform, 'models/pinhole'), folder, { recursive: true });
  const rewrite = async (file: string, change: (text: string) => string) =>
    writeFile(file, change(await readFile(file, 'utf8')));
  await rewrite(join(folder, 'model.json'), (text) => text.replace('"pinhole"', `"${name}"`));
  await rewrite(join(folder, 'kustomization.yaml'), (text) => text.replace('pinhole', name));
  await rewrite(join(folder, 'worker/model.yaml'), (text) =>
    Object.entries({ model: name, ...values }).reduce(
      (all, [key, value]) => all.replace(new RegExp(`^  ${key}: .*$`, 'm'), `  ${key}: ${value}`),
      text,
    ),
  );
  await rewrite(join(platform, 'models/kustomization.yaml'), (text) => `${text}  - ${name}\n`);
}

beforeAll(async () => {
  platform = await mkdtemp(join(tmpdir(), 'darkroom-models-'));
  for (const part of ['apps/worker', 'models']) {
    await cp(platformPath(part), join(platform, part), { recursive: true });
  }
  await addModel('wide-angle', {
    maxWorkers: '"3"',
    secondsPerWorker: '"45"',
    messagesPerWorker: '"2"',
    memory: '24Gi',
    gpuMemoryAboveMiB: '"40000"',
  });
  ({ objects } = await renderFolder(join(platform, 'models')));
});

afterAll(() => rm(platform, { recursive: true }));

const find = (name: string) => objects.find((object) => nameOf(object) === name);

test('a second model is one folder and one line, and nothing is missing', () => {
  expect(checkModels(objects).map(tell)).toEqual([]);
  const catalogue = objects.find(({ metadata }) => metadata.name.startsWith('models-'));
  expect(Object.keys(catalogue?.['data'] ?? {})).toEqual(['pinhole.json', 'wide-angle.json']);
});

test('its workers follow its name and its sizes', () => {
  const label = { 'darkroom.dev/model': 'wide-angle' };
  expect(find('Deployment darkroom/worker-wide-angle')).toMatchObject({
    metadata: { labels: label },
    spec: {
      selector: { matchLabels: label },
      template: {
        metadata: { labels: label },
        spec: {
          containers: [{ resources: { limits: { memory: '24Gi', 'nvidia.com/gpu': '1' } } }],
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [
                  {
                    matchExpressions: expect.arrayContaining([
                      { key: 'nvidia.com/gpu.memory', operator: 'Gt', values: ['40000'] },
                    ]),
                  },
                ],
              },
            },
          },
        },
      },
    },
  });
});

test('its autoscaling looks at its own queue and work, within its own bounds', () => {
  const queue = brokerDefinitions([{ name: 'wide-angle', maxQueued: 1 }]).queues.at(-1)?.name;
  expect(find('ScaledObject darkroom/worker-wide-angle')).toMatchObject({
    spec: {
      scaleTargetRef: { name: 'worker-wide-angle' },
      maxReplicaCount: 3,
      triggers: [
        {
          metadata: {
            url: 'http://frontend-internal.darkroom.svc.cluster.local:8081/scaling/models/wide-angle',
            targetValue: '45',
          },
        },
        { metadata: { queueName: queue, value: '2' } },
        { metadata: { query: expect.stringContaining('(worker-)(wide-angle)(-') } },
      ],
    },
  });
});

test('the first one is as it was', async () => {
  const alone = await renderFolder(platformPath('models'));
  for (const name of [
    'Deployment darkroom/worker-pinhole',
    'ScaledObject darkroom/worker-pinhole',
  ]) {
    const before = alone.objects.find((object) => nameOf(object) === name) as Manifest;
    const text = (object?: Manifest) =>
      JSON.stringify(object).replace(/models-[a-z0-9]{10}/g, 'models');
    expect(text(find(name))).toBe(text(before));
  }
});
