import { loadPipeline } from '@darkroom/diffusion';
import { pinhole } from '@darkroom/pinhole';
import * as ort from '../diffusion/onnx/runtime.ts';
const request = { prompt: 'a large red star on a blue background', negativePrompt: '', seed: 1, steps: 20, guidanceScale: 1.5, scheduler: 'ddim' as const, width: 64, height: 64 };
let inRun = 0;
const proto = Object.getPrototypeOf(await (async () => { const p = ort.InferenceSession as any; return p.prototype; })()) && (ort.InferenceSession as any).prototype;
const orig = proto.run;
proto.run = async function (...args: unknown[]) { const s = performance.now(); try { return await orig.apply(this, args); } finally { inRun += performance.now() - s; } };
const p = await loadPipeline(pinhole.folder, { executionProviders: ['cpu'] });
const med = (a: number[]) => a.toSorted((x, y) => x - y)[a.length >> 1]!;
for (let i = 0; i < 10; i++) await p.generate(request);
const total: number[] = [], run: number[] = [], rest: number[] = [], firsts: number[] = [], lasts: number[] = [];
for (let i = 0; i < 100; i++) {
  inRun = 0; let first = 0, lastRun = 0, firstRun = 0, n = 0, lastAt = 0; const s = performance.now();
  await p.generate(request, { onStep: () => { n++; if (n === 1) { first = performance.now() - s; firstRun = inRun; } lastAt = performance.now(); lastRun = inRun; } });
  const t = performance.now() - s; total.push(t); run.push(inRun); rest.push(t - inRun); firsts.push(first - firstRun); lasts.push(performance.now() - lastAt - (inRun - lastRun));
}
console.log({ total: med(total), run: med(run), rest: med(rest), beforeFirstStepOutsideRuns: med(firsts), afterLastStepOutsideRuns: med(lasts) });
