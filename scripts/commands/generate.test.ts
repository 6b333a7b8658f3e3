import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@darkroom/client/source';
import { decodePicture } from '@darkroom/uploads';
import { decode } from 'fast-png';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { darkroom, type Running, start, startServing, stop } from './testing/darkroom.ts';

// Each command is a process of its own; on a busy machine some of them take their time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
let dataDir: string;
/** Where the user stands; empty at the beginning of each test. */
let here: string;
let serving: (Running & { url: string }) | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-generate-'));
  dataDir = join(folder, 'data');
  serving = await startServing(dataDir);
}, 120_000);
beforeEach(async () => {
  here = await mkdtemp(join(folder, 'here-'));
});
afterAll(async () => {
  await stop(serving);
  await rm(folder, { recursive: true, force: true });
});

const generate = (...args: string[]) =>
  darkroom(['generate', ...args, '--data-dir', dataDir], { cwd: here });

test('writes the picture to a file and prints its path alone', async () => {
  const { code, stdout, stderr } = await generate('a red star', '--steps', '2', '-o', 'star.png');
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${join(here, 'star.png')}\n` });
  expect(stderr).toMatch(/succeeded a red star/);
  expect(decode(await readFile(join(here, 'star.png')))).toMatchObject({ width: 64, height: 64 });
});

test('--json prints one document on stdout that names the files', async () => {
  const options = ['--steps', '2', '--count', '2', '--seed', '5', '--scheduler', 'ddim', '--json'];
  const { code, stdout } = await generate('an emoji ⭐🌟', ...options, '--output', 'pictures');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    state: 'succeeded',
    request: { prompt: 'an emoji ⭐🌟', steps: 2, count: 2, seed: 5, scheduler: 'ddim' },
    images: [
      { seed: 5, file: join(here, 'pictures', 'an-emoji-5.png') },
      { seed: 6, file: join(here, 'pictures', 'an-emoji-6.png') },
    ],
  });
  expect(await readdir(join(here, 'pictures'))).toEqual(['an-emoji-5.png', 'an-emoji-6.png']);
});

test('--long-prompt chunks uses all of a prompt that is cut without it', async () => {
  const long = 'a large red star on a blue background. '.repeat(8);
  const cut = await generate(long, '-o', 'cut.png', '--steps', '4', '--seed', '3', '--json');
  expect(cut.stderr).toContain('warning: the prompt has');
  const options = ['--steps', '4', '--seed', '3', '--long-prompt', 'chunks', '--json'];
  const whole = await generate(long, '-o', 'whole.png', ...options);
  expect(whole.stderr).not.toContain('warning');
  const [first, second] = [cut, whole].map(({ stdout }) => JSON.parse(stdout));
  expect(second).toMatchObject({ state: 'succeeded', truncated: [] });
  expect(second.request.longPrompt).toBe('chunks');
  expect(second.images[0].sha256).not.toBe(first.images[0].sha256);
  const again = await darkroom(['reproduce', 'whole.png', '--data-dir', dataDir], { cwd: here });
  expect(again.stdout).toContain('bit-identical');
});

test('--preview writes the newest rough picture on the way to a file', async () => {
  const options = ['--steps', '150', '--count', '4', '--preview', 'now.jpg', '--json'];
  const { code, stdout } = await generate('a red star', '-o', 'pictures/', ...options);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).request.previews).toBe(true);
  expect((await readdir(here)).toSorted()).toEqual(['now.jpg', 'pictures']);
  const file = await readFile(join(here, 'now.jpg'));
  expect(await decodePicture(file, { width: 8, height: 8 })).toHaveLength(3 * 8 * 8);
});

test('--preview that cannot be written is a warning, and no JPEG name wrong usage', async () => {
  const options = ['--steps', '150', '--count', '4', '-o', 'pictures/', '--preview'];
  const lost = await generate('a red star', ...options, join('none', 'now.jpg'));
  expect(lost.code).toBe(0);
  expect(lost.stderr).toMatch(/--preview cannot be written: ENOENT/);
  const wrong = await generate('a red star', ...options, 'now.png');
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('ends in .jpg');
});

test('the same seed makes the same picture', async () => {
  const same = ['a blue ring', '--seed', '9', '--steps', '3'];
  await Promise.all([generate(...same, '-o', 'a.png'), generate(...same, '-o', 'b.png')]);
  expect(await readFile(join(here, 'a.png'))).toEqual(await readFile(join(here, 'b.png')));
});

test.each([
  ['an empty prompt', ['']],
  ['100 kB of prompt', ['x'.repeat(100_000)]],
  ['no prompt', []],
  ['words without quotes', ['a', 'star']],
  ['no steps', ['a star', '--steps', '0']],
  ['a billion steps', ['a star', '--steps', '1e9']],
  ['half a step', ['a star', '--steps', '1.5']],
  ['steps that are no number', ['a star', '--steps', 'NaN']],
  ['an option without its value', ['a star', '--steps']],
  ['a negative seed', ['a star', '--seed', '-2']],
  ['a seed beyond 64 bits', ['a star', '--seed', '18446744073709551616']],
  ['a seed in words', ['a star', '--seed', 'seven']],
  ['a width of no multiple of 8', ['a star', '--width', '60']],
  ['a height beyond the limit', ['a star', '--height', '65536']],
  ['an unknown model', ['a star', '--model', 'sdxl']],
  ['an unknown scheduler', ['a star', '--scheduler', 'magic']],
  ['an unknown option', ['a star', '--stepz', '4']],
  ['a file that is no PNG', ['a star', '--output', 'star.jpg']],
  ['one file for two pictures', ['a star', '--count', '2', '--output', 'one.png']],
])('refuses %s with exit code 2 and leaves nothing behind', async (_, args) => {
  const { code, stdout, stderr } = await darkroom(
    ['generate', ...args, '--server', serving?.url ?? ''],
    { cwd: here },
  );
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/darkroom: .{10,}/);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stderr.length).toBeLessThan(1_000);
  expect(await readdir(here)).toEqual([]);
});

test('refuses an output that cannot be written before anything is asked for', async () => {
  await writeFile(join(here, 'file'), '');
  const before = await listed();
  const { code, stderr } = await generate('a star', '--output', 'file/picture.png');
  expect(code).toBe(2);
  expect(stderr).toMatch(/cannot write to .*file\/picture.png: a part of the path is a file/);
  expect(await listed()).toEqual(before);
});

test('tells at once that no server answers, or that none can', async () => {
  expect(await darkroom(['jobs', 'list', '--server', 'localhost'])).toMatchObject({ code: 2 });
  const { code, stderr } = await darkroom(['generate', 'a', '--server', 'http://127.0.0.1:65535']);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /no Darkroom answers at http:\/\/127.0.0.1:65535 \(.+\); check the address/,
  );
});

test('Ctrl-C cancels the generation', async () => {
  const long = ['generate', 'a slow star', '--steps', '150', '--count', '16'];
  const running = start([...long, '--data-dir', dataDir], { cwd: here });
  await running.said(/running +a slow star/);
  running.process.kill('SIGINT');
  const { code, stdout, stderr } = await running.finished;
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  expect(stderr).toMatch(/interrupted by SIGINT: generation [0-9a-f-]{36} is canceled\n$/);
  await expect
    .poll(async () => (await listed('a slow star')).map(({ state }) => state), { timeout: 20_000 })
    .toEqual(['canceled']);
  expect(await readdir(here)).toEqual([]);
});

test('Ctrl-C during `jobs watch` leaves the generation alone and says so', async () => {
  const { generations } = createClient({ url: serving?.url ?? '' });
  const { id } = await generations.create.mutate({ prompt: 'a slow dot', steps: 150, count: 16 });
  const watching = start(['jobs', 'watch', id, '--data-dir', dataDir]);
  await watching.said(/running/);
  watching.process.kill('SIGINT');
  const { code, stderr } = await watching.finished;
  expect(code).toBe(130);
  expect(stderr).toContain(
    `interrupted by SIGINT: generation ${id} goes on; \`darkroom jobs cancel`,
  );
  expect((await generations.cancel.mutate({ id })).state).toBe('running');
});

test('a prompt that is too long is told with what was ignored', async () => {
  const prompt = `a red star ${'on a blue background '.repeat(10)}and the end`;
  const { code, stderr } = await generate(prompt, '--steps', '1', '-o', 'a.png');
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /warning: the prompt has \d+ tokens, the model takes 30; ignored: ".+ and the end"\n/,
  );
});

test.each([
  ['18446744073709551615', '18446744073709551615'],
  ['-1', expect.any(Number)],
])('takes the seed %s', async (seed, expected) => {
  const options = ['--steps', '1', '--json', '-o', 'a.png', '--seed', seed];
  const { stdout } = await generate('a red star', ...options);
  expect(JSON.parse(stdout)).toMatchObject({
    request: { seed: expected },
    images: [{ seed: expected }],
  });
});

test('jobs tell, follow and cancel generations', async () => {
  const { generations } = createClient({ url: serving?.url ?? '' });
  const { id } = await generations.create.mutate({ prompt: 'a slow ring', steps: 150, count: 16 });
  const jobs = (...args: string[]) => darkroom(['jobs', ...args, '--data-dir', dataDir]);

  const list = await jobs('list', '--json', '--limit', '1');
  expect(JSON.parse(list.stdout)).toMatchObject({ generations: [{ id }] });
  const [cancel, watch] = await Promise.all([jobs('cancel', id), jobs('watch', id)]);
  expect(cancel.code).toBe(0);
  expect(watch).toMatchObject({ code: 1, stderr: expect.stringContaining('ended canceled') });
  const { stdout } = await jobs('show', id);
  expect(stdout).toMatch(/^state +canceled$/m);
  expect(stdout).toMatch(/^receipt +\d+ steps run in \d+ ms, \d+ spared/m);

  const redriven = JSON.parse((await jobs('redrive', id, '--json')).stdout);
  expect(redriven).toMatchObject({ state: 'queued', redriveOf: id });
  expect((await jobs('redrive', redriven.id)).stderr).toContain('cancel it first');
  await jobs('cancel', redriven.id);

  const unknown = await jobs('show', '00000000-0000-4000-8000-000000000000');
  expect(unknown).toMatchObject({ code: 1, stdout: '' });
  expect(await jobs('show', 'seven')).toMatchObject({ code: 2, stdout: '' });
});

test('models are listed and verified', async () => {
  const list = await darkroom(['models', 'list', '--json', '--data-dir', dataDir]);
  expect(JSON.parse(list.stdout)).toMatchObject([{ name: 'pinhole' }]);
  const verify = await darkroom(['models', 'verify', '--json']);
  expect(JSON.parse(verify.stdout)).toMatchObject([
    { name: 'pinhole', digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
  ]);
});

test('without a service it starts one, shares it with others, and stops it after', async () => {
  await stop(serving);
  serving = undefined;
  const both = await Promise.all(['a.png', 'b.png'].map((file) => generate('a dot', '-o', file)));
  expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, expect.stringContaining('succeeded')],
    [0, expect.stringContaining('succeeded')],
  ]);
  expect((await readdir(here)).toSorted()).toEqual(['a.png', 'b.png']);
  expect(await readdir(dataDir)).not.toContain('owner.json');
});

async function listed(prompt?: string) {
  const client = createClient({ url: serving?.url ?? '' });
  const { generations } = await client.generations.list.query({ limit: 100 });
  return generations.filter(({ request }) => prompt === undefined || request.prompt === prompt);
}

test('--init-image and --mask send picture files for the request to start from', async () => {
  await generate('a large green square on a yellow background', '-o', 'init.png');
  const options = ['--steps', '10', '--strength', '0.2', '--json'];
  const { code, stdout, stderr } = await generate(
    'a large red star on a blue background',
    ...['--init-image', 'init.png', '--mask', 'init.png', '-o', 'out.png'],
    ...options,
  );
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const { request, progress } = JSON.parse(stdout);
  expect(request).toMatchObject({
    initImage: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    mask: request.initImage,
    strength: 0.2,
  });
  expect(progress).toEqual({ step: 10, steps: 10 });
});

test.each([
  [['--init-image', 'none.png'], /--init-image cannot be read: ENOENT/],
  [['--init-image', 'text.png'], /the picture is refused: it is not a picture of a known format/],
  [['--strength', '0.5'], /strength is given without initImage/],
])('exits 2 where a picture is no use: %s', async (options, message) => {
  await writeFile(join(here, 'text.png'), 'not a picture');
  const { code, stderr } = await generate('a red star', ...options);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
