import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { faultsFor } from '../faults/index.ts';
import { plants } from './index.ts';
import { type Plant, said, withPlant } from './plant.ts';

const root = new URL('../../../', import.meta.url);

test.each(plants.map((plant) => [plant.name, plant] as const))(
  '%s still finds its place, and faults that bring it out',
  async (_, plant) => {
    for (const { module } of plant.changes) {
      const source = await readFile(new URL(module, root), 'utf8');
      expect(withPlant(source, module, plant)).not.toBe(source);
    }
    for (const part of plant.kinds) {
      expect(faultsFor({ kinds: [part], targets: plant.targets }), part).not.toEqual([]);
    }
  },
);

test('a place that is gone, or there twice, is said', () => {
  const module = 'a/module.ts';
  const plant: Plant = {
    ...{ name: 'a-plant', bug: '', kinds: [], targets: [] },
    changes: [{ module, from: 'this', to: 'that' }],
  };
  const planted = (source: string) => withPlant(source, module, plant);
  expect(planted('do this now')).toBe('do that now');
  expect(() => planted('do it now')).toThrow('a/module.ts and finds it 0 times: "this"');
  expect(() => planted('this or this')).toThrow('finds it 2 times');
  expect(withPlant('do it now', 'another/module.ts', plant)).toBe('do it now');
});

test('the preload puts the plant into the module that a process loads', async () => {
  const [plant] = plants;
  const preload = new URL(`./preload.ts?plant=${plant?.name}`, import.meta.url).href;
  const { stderr } = await promisify(execFile)(process.execPath, [
    `--import=${preload}`,
    '--input-type=module',
    '--eval',
    `await import(${JSON.stringify(new URL(plant?.changes[0]?.module ?? '', root).href)})`,
  ]);
  expect(stderr).toContain(said(plant?.name ?? '', plant?.changes[0]?.module ?? ''));
});
