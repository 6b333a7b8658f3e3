import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Embedded, startEmbedded } from '@darkroom/embedded';
import { decode } from 'fast-png';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const versionOf = (name: string): string =>
  createRequire(import.meta.url)(`${name}/package.json`).version;

let folder: string;
/** An empty project of somebody who has nothing but the tarball and the package registry. */
let project: string;
let service: Embedded;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-stranger-'));
  project = join(folder, 'project');
  await mkdir(project);
  await run('npm', ['pack', '--ignore-scripts=false', '--pack-destination', folder], {
    cwd: import.meta.dirname,
  });
  const [tarball = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
  const packages = ['typescript', '@types/node'].map((name) => `${name}@${versionOf(name)}`);
  await run('npm', ['install', '--no-audit', '--no-fund', join(folder, tarball), ...packages], {
    cwd: project,
  });
  service = await startEmbedded({ dataDir: join(folder, 'data'), port: 0 });
}, 240_000);

afterAll(async () => {
  await service?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Compiles programs as strictly as TypeScript can, types of packages included. */
async function compile(programs: Record<string, string>): Promise<string> {
  for (const [name, text] of Object.entries(programs)) await writeFile(join(project, name), text);
  const tsc = join(project, 'node_modules/typescript/bin/tsc');
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
  const target = ['--target', 'es2024', '--module', 'nodenext', '--types', 'node'];
  const tscArguments = [tsc, ...strict, ...target, '--pretty', 'false', ...Object.keys(programs)];
  const result = await run(process.execPath, tscArguments, { cwd: project }).catch(
    (error: { stdout: string }) => error,
  );
  return result.stdout;
}

test('compiles against the types in the tarball and makes a picture', async () => {
  const output = await compile({
    'picture.ts': `import { writeFile } from 'node:fs/promises';
    import { createClient, type Generation } from '@darkroom/client';

    const client = createClient({ url: process.argv[2] ?? '' });
    const [model] = await client.models.list.query();
    const limit: number | undefined = model?.limits.steps;

    const created = await client.generations.create.mutate({
      prompt: 'a large red star on a blue background', seed: 7, steps: 4, scheduler: 'ddim',
    });
    const last = await new Promise<Generation>((resolve, reject) => {
      let seen: Generation = created;
      client.generations.watch.subscribe({ id: created.id }, {
        onData: (event) => { seen = event.data; },
        onComplete: () => resolve(seen),
        onError: reject,
      });
    });
    const page = await client.generations.list.query({ limit: 5, state: 'succeeded' });

    const steps: number[] = [];
    const generation = await client.generate(
      { prompt: 'a green circle on white', steps: 4 },
      { onProgress: ({ step }) => steps.push(step) },
    );
    for (const image of generation.images) await writeFile('picture.png', await client.fetchImage(image));
    const seconds: number = (generation.timings.inferenceMs ?? 0) / 1000;
    console.log(JSON.stringify({
      limit, last, listed: page.generations.map(({ id }) => id), steps, seconds,
      state: generation.state, seed: generation.images[0]?.seed,
    }));`,
  });
  expect(output).toBe('');

  const { stdout } = await run(process.execPath, ['picture.js', service.url], { cwd: project });
  const told = JSON.parse(stdout);
  expect(told).toMatchObject({ state: 'succeeded', last: { state: 'succeeded' } });
  expect(told.last.images).toMatchObject([{ width: 64, height: 64, seed: 7 }]);
  expect(told.listed).toContain(told.last.id);
  expect(told.steps.at(-1)).toBe(4);
  expect(decode(await readFile(join(project, 'picture.png')))).toMatchObject({
    width: 64,
    height: 64,
    channels: 3,
  });
}, 120_000);

test('a misspelt field does not compile, and the message names it', async () => {
  const program = (call: string) =>
    `import { createClient } from '@darkroom/client';
    await createClient({ url: 'http://localhost' }).${call};`;
  const output = await compile({
    'input.ts': program("generate({ prompt: 'a star', stepz: 4 })"),
    'choice.ts': program("generate({ prompt: 'a star', scheduler: 'euller' })"),
    'result.ts': program("generations.get.query({ id: '' }).then((it) => it.imagez)"),
  });
  expect(output.trim().split('\n').toSorted()).toEqual([
    expect.stringMatching(/^choice.ts.* TS2\d+: .*'"euller"' is not assignable to type .*"euler"/),
    expect.stringMatching(/^input.ts.* TS2\d+: .*'stepz' does not exist in type/),
    expect.stringMatching(/^result.ts.* TS2\d+: Property 'imagez' does not .* mean 'images'\?/),
  ]);
}, 120_000);

test('the tarball brings no server and no private package', async () => {
  const installed = await readdir(join(project, 'node_modules'));
  expect(installed.filter((name) => /fastify|zod|pino|amqp|aws|onnx|pglite/.test(name))).toEqual(
    [],
  );
  expect(await readdir(join(project, 'node_modules/@darkroom'))).toEqual(['client']);
  expect(await readdir(join(project, 'node_modules/@darkroom/client/dist'))).toEqual([
    'index.d.ts',
    'index.js',
  ]);
});
