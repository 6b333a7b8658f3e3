import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { compareWithAlone } from '../test/mixes.ts';
import { loadPipeline } from './load-pipeline.ts';

const pinhole = fileURLToPath(new URL('../../pinhole/model', import.meta.url));

it('nobody’s picture depends on who shared the runs: 200 mixes', async () => {
  const pipeline = await loadPipeline(pinhole, { executionProviders: ['cpu'] });
  const { pictures, equal } = await compareWithAlone(pipeline, { mixes: 200, seed: 3 });
  console.info(`${equal} of ${pictures} pictures are bit-equal`);
  expect(equal).toBe(pictures);
  await pipeline.release();
});
