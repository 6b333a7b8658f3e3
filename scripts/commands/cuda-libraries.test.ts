import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import engine from '../../services/diffusion/package.json' with { type: 'json' };
import { repository } from '../repository.ts';
import { pipOptions } from './cuda-libraries.ts';

const lock = readFileSync(join(repository, 'services/diffusion/cuda-libraries.txt'), 'utf8');
const wheels = lock.split('\n').filter((line) => /^\w/.test(line));

test('every wheel has one version and one hash, and no host', () => {
  expect(wheels.length).toBeGreaterThan(4);
  for (const wheel of wheels) {
    expect(wheel).toMatch(/^[a-z0-9-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}$/);
  }
});

test('the libraries of the runtime are of the version that the engine has from npm', () => {
  expect(lock).toContain(`\nonnxruntime-gpu==${engine.dependencies['onnxruntime-node']} `);
});

test("the worker's image takes the same wheels in the same way", () => {
  const recipe = readFileSync(join(repository, 'services/worker/Dockerfile'), 'utf8');
  const from = recipe.indexOf('AS cuda-libraries');
  const stage = recipe.slice(from, recipe.indexOf('\nFROM', from));
  expect(stage).toContain('COPY services/diffusion/cuda-libraries.txt');
  for (const option of pipOptions) expect(stage).toContain(option);
});
