import { expect, it } from 'vitest';
import type { ModelConfigs } from '../model-folder/model-configs.ts';
import type { LatentDecoder } from './latent-decoder.ts';
import { modelShape } from './model-shape.ts';
import type { Unet } from './unet.ts';

const blocks = (count: number) => ({ block_out_channels: new Array<number>(count).fill(8) });
const shapeOf = (of: {
  takes: (number | undefined)[];
  gives?: number;
  decodes?: number;
  says?: number;
}) =>
  modelShape(
    { unet: { ...blocks(4), in_channels: of.says }, vae: blocks(4) } as unknown as ModelConfigs,
    { takes: of.takes, gives: of.gives } as unknown as Unet,
    { channels: of.decodes } as unknown as LatentDecoder,
  );

it.each([
  ['all say', { takes: [4, undefined, undefined], gives: 4, decodes: 4, says: 4 }, false],
  ['only the configuration says', { takes: [undefined], says: 4 }, false],
  ['a UNet with nine takes', { takes: [9], gives: 4, decodes: 4, says: 9 }, true],
])('channels are those that %s', (_what, of, isInpainting) => {
  const sizes = { multipleOf: 64, fixed: { width: undefined, height: undefined } };
  expect(shapeOf(of)).toEqual({ latentChannels: 4, isInpainting, vaeScaleFactor: 8, sizes });
});

it('sizes are those that the exporter left open', () => {
  const { sizes } = shapeOf({ takes: [4, 64, undefined], gives: 4, decodes: 4 });
  expect(sizes.fixed).toEqual({ width: undefined, height: 512 });
});

it.each([
  ['edits by instruction', { takes: [8], gives: 4, decodes: 4 }, 'it takes 8 channels'],
  ['sees depth', { takes: [5], gives: 4, decodes: 4 }, 'one for inpainting 9'],
  ['has another VAE', { takes: [4], gives: 4, decodes: 16 }, 'the one gives 4 channels'],
  [
    'is not of its configuration',
    { takes: [9], says: 4 },
    'it takes 9 channels, where in_channels',
  ],
])('a UNet that %s is refused', (_what, of, message) => {
  expect(() => shapeOf(of)).toThrow(message);
});
