import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { brightness, type Pixels } from './pixels.ts';
import { resample } from './resample.ts';

/** 53×37 pixels by a formula that numpy has, too. */
function formula(): Pixels {
  const [width, height] = [53, 37];
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    data.set([(x * x + 7 * y) % 256, (3 * x + y * y) % 256, (x * y) % 256], i * 3);
  }
  return { data, width, height, channels: 3 };
}

const sha256 = ({ data }: Pixels) => createHash('sha256').update(data).digest('hex');

// Pillow 13.0.0: sha256(image.resize(size, Image.LANCZOS).tobytes()), as RGB and as L.
it.each([
  [
    64,
    64,
    'f612ef0496c75af6894acd46a1a31560f31bcd906cfafad24a76eed598a1e4db',
    'f697b0d6272beab9147cbafd47b6362432eafcd69d6d7fd881f384254be0d549',
  ],
  [
    24,
    16,
    '05ea2b0c4cd0f94d5353afbe3b36495c043546d8248e43104101bfdf1db72ef1',
    '2ead2bcea09cc83398f8d33de747742a8adc0a2fec1315229693b12cd0ce8161',
  ],
  [
    53,
    64,
    '7234c402df69b40c4681b03eaa8c88a1179c3bc0c94111899144a3edd058aae7',
    '1f6d216d450704db57bcc61b80d82a28bbde89d489a32dc1dc0faa1d02526216',
  ],
  [
    8,
    37,
    'aaa07f356536bc629341a98b22a02a811a8e1da705cf34102eed2af5426fd773',
    '7ac3fb43502645cb46de4f4bea5f93de41f6ea196504747a1a3476e2e3964589',
  ],
  [
    200,
    120,
    '43eb90d4bca6e98a7949b69ab5d76f34ff8f3158993398286cd46d44223ec6ca',
    '6f2b61c45dbf7de5b4d4e760d7eff2d2f4d7a701ca97fe7fa0cd100ba7ce33ef',
  ],
])('to %i×%i is as Pillow does it, to the byte', async (width, height, rgb, grey) => {
  const size = { width, height };
  expect(sha256(await resample(formula(), size))).toBe(rgb);
  expect(sha256(await resample(brightness(formula()), size))).toBe(grey);
});
