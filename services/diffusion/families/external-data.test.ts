import { mkdir, open, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelDigest, verifyModelFolder } from '../model-folder/verify-model-folder.ts';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import { assembleModel, cases, requestOf } from '../test/families.ts';

const data = [
  'text_encoder/model.onnx_data',
  'unet/model.onnx_data',
  'unet/model.onnx_data_1',
  'vae_decoder/model.onnx_data',
  'vae_encoder/model.onnx_data',
];

async function decode(folder: string): Promise<Float32Array> {
  const pipeline = await loadPipeline(folder, { executionProviders: ['cpu'], intraOpThreads: 1 });
  try {
    const one = cases.find(({ request }) => request.task === 'image-to-image')!;
    return await pipeline.decode(requestOf(one));
  } finally {
    await pipeline.release();
  }
}

describe('a model with weights beside its graphs, in files of the same name', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await assembleModel('sd-1.5', 'sd-beside');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('makes the picture of the model that has them inside', async () => {
    const whole = await assembleModel('sd-1.5', 'sd');
    expect(await decode(folder)).toEqual(await decode(whole));
    await rm(whole, { recursive: true });
  });

  it('is verified with each of them', async () => {
    const { files } = await verifyModelFolder(folder);
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(data));
  });

  it.each(data)('has another digest when a byte of %s changes', async (file) => {
    const digest = await modelDigest(folder);
    await using handle = await open(join(folder, file), 'r+');
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, 40);
    await handle.write(Buffer.of(buffer[0]! ^ 1), 0, 1, 40);
    expect(await modelDigest(folder)).not.toBe(digest);
  });

  it.each(data)('is refused without %s, and with half of it, by file and remedy', async (file) => {
    const path = join(folder, file);
    await truncate(path, 64);
    const short = `${path} cannot be used: it is cut short: 64 bytes of the`;
    await expect(decode(folder)).rejects.toThrow(short);
    await expect(verifyModelFolder(folder)).rejects.toThrow(short);
    await rm(path);
    const missing = `${path} cannot be used: it is missing, and ${join(folder, file.split('/')[0]!, 'model.onnx')} has its weights there. Write the model folder again in whole`;
    await expect(decode(folder)).rejects.toThrow(missing);
    await expect(verifyModelFolder(folder)).rejects.toThrow(missing);
  });

  it('is refused when files of the same name lie in each other’s folders', async () => {
    const [unet, decoder] = [join(folder, data[1]!), join(folder, data[3]!)];
    await rename(unet, `${unet}.old`);
    await rename(decoder, unet);
    await rename(`${unet}.old`, decoder);
    await expect(decode(folder)).rejects.toThrow('model.onnx_data cannot be used: it is cut short');
  });

  it('is not read from a folder of that name', async () => {
    await rm(join(folder, data[2]!));
    await mkdir(join(folder, data[2]!));
    await expect(decode(folder)).rejects.toThrow(`${data[2]} cannot be used`);
  });
});
