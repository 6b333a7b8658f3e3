import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadPipeline, modelDigest } from '@darkroom/diffusion';
import { pinhole } from '@darkroom/pinhole';
import { decode } from 'fast-png';
import { expect, onTestFinished, test } from 'vitest';

const program = fileURLToPath(new URL('canary.ts', import.meta.url));

const run = (requests: unknown, environment: Record<string, string> = {}) =>
  promisify(execFile)(process.execPath, [program], {
    env: {
      PATH: process.env.PATH,
      CANARY_REQUESTS: typeof requests === 'string' ? requests : JSON.stringify(requests),
      ...environment,
    },
  });

const request = {
  model: 'pinhole',
  prompt: 'a large red star on a blue background',
  negativePrompt: '',
  seed: '18446744073709551615',
  steps: 4,
  guidanceScale: 1.5,
  width: 64,
  height: 64,
};

test('writes the pictures that the engine makes, and what they ran on', async () => {
  const { stdout } = await run([request, { ...request, seed: 7 }]);
  const pipeline = await loadPipeline(pinhole.folder, { executionProviders: ['cpu'] });
  const made = await Promise.all(
    [2n ** 64n - 1n, 7n].map((seed) => pipeline.generate({ ...request, seed })),
  );
  const model = await modelDigest(pinhole.folder);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([0, 1].map((request) => ({ request, model, provider: 'cpu' })));
  for (const [index, { png, sha256 }] of lines.entries()) {
    const file = Buffer.from(png, 'base64');
    expect(createHash('sha256').update(file).digest('hex')).toBe(sha256);
    expect(decode(file).data).toEqual(decode(made[index]?.png ?? file).data);
  }
});

test('runs the version of its model that is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'canary-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const draft = join(folder, 'draft');
  await cp(pinhole.folder, draft, { recursive: true });
  const file = join(draft, 'tokenizer/special_tokens_map.json');
  await writeFile(file, `${await readFile(file, 'utf8')}\n`);
  const digest = await modelDigest(draft);
  expect(digest).not.toBe(await modelDigest(pinhole.folder));
  await rename(
    draft,
    join(folder, `pinhole.${digest.slice('sha256:'.length, 'sha256:'.length + 16)}`),
  );
  await symlink(pinhole.folder, join(folder, 'pinhole'));
  const { stdout } = await run([request], {
    MODEL_DIR: folder,
    SERVE_MODELS: 'pinhole',
    MODEL_DIGEST: digest,
  });
  expect(JSON.parse(stdout)).toMatchObject({ model: digest });
});

test.each([
  ['no JSON', 'nothing', {}, /CANARY_REQUESTS: must be JSON/],
  ['no request', [], {}, /CANARY_REQUESTS/],
  ['a model that it does not serve', [{ ...request, model: 'other' }], {}, /other/],
  [
    'a version of no model',
    [request],
    { MODEL_DIGEST: `sha256:${'0'.repeat(64)}` },
    /MODEL_DIGEST: is of one model/,
  ],
  ['no GPU where one is required', [request], { REQUIRE_GPU: '1' }, /REQUIRE_GPU/],
])('fails with the reason: %s', async (_, requests, environment, reason) => {
  await expect(run(requests, environment)).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(reason),
  });
});
