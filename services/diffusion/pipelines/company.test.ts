import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { arrayParity, fixturePath } from '../test/fixtures.ts';
import { loadPipeline } from './load-pipeline.ts';
import type { PictureRequest, Pipeline } from './pipeline.ts';
const pinhole = fileURLToPath(new URL('../../pinhole/model', import.meta.url));
it('x', async () => {
  for (const folder of [pinhole, fixturePath('tiny/scalar')]) {
    const p = await loadPipeline(folder, { executionProviders: ['cpu'], intraOpThreads: 1 });
    let equal = 0, n = 0, worst = 0;
    for (let mix = 0; mix < 12; mix++) {
      const reqs: PictureRequest[] = Array.from({ length: 2 + (mix % 4) }, (_, i) => ({
        prompt: ['a red star', 'a large blue ring on green', 'a cross'][(mix + i) % 3]!, negativePrompt: i % 2 ? 'blue' : '', seed: mix * 10 + i,
        steps: 1 + ((mix * 7 + i * 3) % 6), guidanceScale: i % 3 === 0 ? 1 : 4, width: 64, height: 64,
        scheduler: ['euler', 'ddim', 'euler-ancestral', 'dpmpp-2m'][(mix + i) % 4]!,
      }));
      const together = await Promise.all(reqs.map((r) => p.decode(r)));
      for (const [i, r] of reqs.entries()) {
        const alone = await p.decode(r);
        n++;
        const d = arrayParity(together[i]!, alone);
        if (d === 0) equal++;
        worst = Math.max(worst, d);
      }
    }
    console.log(folder, equal, n, worst);
    await p.release();
  }
});
