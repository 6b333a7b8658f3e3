import { loadPipeline } from '@darkroom/diffusion';
import { loadCatalogue } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import {
  describe,
  drawScene,
  judge,
  type Scene,
  sampleScene,
  seeded,
  type Verdict,
} from '@darkroom/pinhole/scenes';
import { progressBar } from '@darkroom/testing';
import { decode } from 'fast-png';
import type { Figure, Report } from './report.ts';

const JUDGED_DRAWINGS = 1_000;

type Attribute = 'objectColour' | 'groundColour' | 'shape' | 'place' | 'size' | 'count';

/** Share of right answers, in percent, among the pictures whose prompt names the attribute. */
function rightShare(verdicts: readonly Verdict[], attribute: Attribute): number {
  const asked = verdicts
    .map((verdict) => verdict[attribute])
    .filter((right) => right !== undefined);
  return (100 * asked.filter(Boolean).length) / asked.length;
}

/** Half one object, half two; every attribute named. */
function drawScenes(count: number, seed: number, heldOut: boolean): Scene[] {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, i) =>
    sampleScene(random, { heldOut, objects: i % 2 === 0 ? 1 : 2, complete: true }),
  );
}

/** The judge on pictures whose content is known: drawn as asked, and drawn for another prompt. */
function judgeTheJudge(seed: number): Figure[] {
  const scenes = drawScenes(JUDGED_DRAWINGS, seed, false);
  const pictures = scenes.map(drawScene);
  const verdicts = scenes.map((scene, i) => judge(pictures[i] as Uint8Array, scene));
  // Two on, so that one object is still asked of pictures with one object.
  const shuffled = scenes.map((scene, i) =>
    judge(pictures[(i + 2) % pictures.length] as Uint8Array, scene),
  );
  const attributes = ['objectColour', 'groundColour', 'shape', 'place'] as const;
  const least = Math.min(...attributes.map((attribute) => rightShare(verdicts, attribute)));
  return [
    {
      what: `judge on ${JUDGED_DRAWINGS} drawn scenes, its worst attribute`,
      value: least,
      unit: '%',
      bar: { at: 'least', value: 99 },
    },
    ...attributes.map(
      (attribute): Figure => ({
        what: `judge on shuffled prompts, ${attribute} (chance)`,
        value: rightShare(shuffled, attribute),
        unit: '%',
      }),
    ),
  ];
}

/**
 * Makes pictures for prompts that name combinations never trained on, half of them with two
 * objects, and judges them by pixel measurements. With two objects, an attribute counts as right
 * only when it is right for both.
 */
export async function measureAdherence(options: {
  prompts: number;
  seed: number;
  steps?: number | undefined;
  guidanceScale?: number | undefined;
  scheduler?: string | undefined;
}): Promise<Report> {
  const { models } = await loadCatalogue(pinhole.catalogue);
  const model = models.find(({ name }) => name === pinhole.name);
  if (model === undefined) throw new Error(`${pinhole.catalogue} does not name ${pinhole.name}`);
  const { defaults } = model;
  const steps = options.steps ?? defaults.steps;
  const guidanceScale = options.guidanceScale ?? defaults.guidanceScale;
  const scheduler = options.scheduler ?? defaults.scheduler;

  const scenes = drawScenes(options.prompts, options.seed, true);
  const words = seeded(options.seed + 1);
  const pipeline = await loadPipeline(pinhole.folder, { executionProviders: ['cpu'] });
  const bar = progressBar('pictures', scenes.length);
  const verdicts: Verdict[] = [];
  for (const [i, scene] of scenes.entries()) {
    const { png } = await pipeline.generate({
      prompt: describe(scene, words),
      negativePrompt: '',
      seed: (options.seed * 1_000_000 + i) % 2 ** 32,
      steps,
      guidanceScale,
      scheduler,
      karras: defaults.karras,
      width: defaults.width,
      height: defaults.height,
    });
    verdicts.push(judge(Uint8Array.from(decode(png).data), scene));
    bar.advance();
  }
  bar.stop();
  await pipeline.release();

  const one = verdicts.filter((_, i) => scenes[i]?.objects.length === 1);
  const two = verdicts.filter((_, i) => scenes[i]?.objects.length === 2);
  const promised = [
    ['object colour', 'objectColour', 95],
    ['ground colour', 'groundColour', 95],
    ['shape', 'shape', 85],
    ['place', 'place', 90],
  ] as const;
  return {
    benchmark: 'adherence',
    setting: {
      'held-out prompts': scenes.length,
      seed: options.seed,
      steps,
      'guidance scale': guidanceScale,
      scheduler: scheduler ?? 'the model’s own',
    },
    figures: [
      ...promised.flatMap(([what, attribute, least]): Figure[] => [
        {
          what,
          value: rightShare(verdicts, attribute),
          unit: '%',
          bar: { at: 'least', value: least },
        },
        { what: `  one object`, value: rightShare(one, attribute), unit: '%' },
        { what: `  two objects, both right`, value: rightShare(two, attribute), unit: '%' },
      ]),
      { what: 'size', value: rightShare(verdicts, 'size'), unit: '%' },
      { what: 'number of objects', value: rightShare(verdicts, 'count'), unit: '%' },
      ...judgeTheJudge(options.seed),
    ],
  };
}
