import { METADATA_KEYWORD, pictureMetadata, seedAt } from '@darkroom/contract';
import { engineVersions, modelDigest } from '@darkroom/diffusion';
import { readPngText } from '@darkroom/diffusion/png-text';
import { pinhole } from '@darkroom/pinhole';
import { decode } from 'fast-png';
import { expect, test } from 'vitest';
import { pinholeRequest, startPinhole } from '../testing/pinhole-inference.ts';

test('two processes write the same bytes, which carry what made the picture', async () => {
  await using one = await startPinhole();
  await using other = await startPinhole();
  const [{ png }, again] = await Promise.all([
    one.generate(pinholeRequest),
    other.generate({ ...pinholeRequest, seed: BigInt(pinholeRequest.seed) }),
  ]);
  expect(again.png).toEqual(png);
  const text = readPngText(png)[METADATA_KEYWORD] ?? '';
  expect(pictureMetadata.parse(JSON.parse(text))).toMatchObject({
    ...engineVersions,
    request: pinholeRequest,
    modelDigest: await modelDigest(pinhole.folder),
    executionProviders: ['cpu'],
    provider: 'cpu',
  });
});

test('the pixels are the same without, and nothing of the request is in the file then', async () => {
  await using silent = await startPinhole({ pictureMetadata: false });
  await using telling = await startPinhole();
  const seed = BigInt(seedAt('18446744073709551614', 1));
  const [without, withThem] = await Promise.all(
    [silent, telling].map((inference) => inference.generate({ ...pinholeRequest, seed })),
  );
  const files = [without?.png ?? new Uint8Array(), withThem?.png ?? new Uint8Array()] as const;
  expect(decode(files[1]).data).toEqual(decode(files[0]).data);
  expect({ ...readPngText(files[0]) }).toEqual({});
  expect(Object.keys(readPngText(files[1]))).toEqual(['parameters', METADATA_KEYWORD]);
});

test('a picture that the VAE decoded in tiles says so, and differs from the one in one', async () => {
  await using tiled = await startPinhole({ vaeTiling: 'always' });
  await using whole = await startPinhole({ vaeTiling: 'never' });
  // Two tiles of the 64 pixels that the model was trained on, and what is left.
  const wide = { ...pinholeRequest, width: 128 };
  const [one, other] = await Promise.all([tiled, whole].map(({ generate }) => generate(wide)));
  const metadata = [one, other].map((made) =>
    JSON.parse(readPngText(made?.png ?? new Uint8Array())[METADATA_KEYWORD] ?? ''),
  );
  expect(metadata.map(({ vaeTiling }) => vaeTiling)).toEqual([true, undefined]);
  expect(decode(one?.png ?? new Uint8Array()).data).not.toEqual(
    decode(other?.png ?? new Uint8Array()).data,
  );
});
