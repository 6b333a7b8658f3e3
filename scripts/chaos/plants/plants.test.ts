import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { faultKinds } from '../faults/index.ts';
import { plants } from './index.ts';
import { type Plant, withPlant } from './plant.ts';

const root = new URL('../../../', import.meta.url);

test.each(plants.map((plant) => [plant.name, plant] as const))(
  '%s still finds its place, and faults that bring it out',
  async (_, plant) => {
    const source = await readFile(new URL(plant.module, root), 'utf8');
    expect(withPlant(source, plant)).not.toBe(source);
    for (const part of plant.kinds) {
      expect(
        faultKinds.filter(({ name }) => name.includes(part)),
        part,
      ).not.toEqual([]);
    }
  },
);

test('a place that is gone, or there twice, is said', () => {
  const plant: Plant = {
    ...{ name: 'a-plant', bug: '', module: 'a/module.ts', kinds: [] },
    changes: [{ from: 'this', to: 'that' }],
  };
  expect(withPlant('do this now', plant)).toBe('do that now');
  expect(() => withPlant('do it now', plant)).toThrow('a/module.ts and finds it 0 times: "this"');
  expect(() => withPlant('this or this', plant)).toThrow('finds it 2 times');
});

test('the preload puts the plant into the module that a process loads', async () => {
  const [plant] = plants;
  const preload = new URL(`./preload.ts?plant=${plant?.name}`, import.meta.url).href;
  const { stderr } = await promisify(execFile)(process.execPath, [
    `--import=${preload}`,
    '--input-type=module',
    '--eval',
    `await import(${JSON.stringify(new URL(plant?.module ?? '', root).href)})`,
  ]);
  expect(stderr).toContain(`planted: ${plant?.name}`);
});
