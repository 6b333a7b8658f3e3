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
const require = createRequire(import.meta.url);

/** The lowest versions that package.json declares, and the newest that there are. */
const versions = {
  node: { lowest: '20.19.0', newest: '26.12.1' },
  typescript: { lowest: '5.7.2', newest: '7.0.2' },
} as const;
type Age = keyof (typeof versions)['node'];

const platform = process.platform === 'win32' ? 'win' : process.platform;
const packages = {
  ...{ 'node-lowest': `npm:node-${platform}-${process.arch}@${versions.node.lowest}` },
  ...{ 'node-newest': `npm:node-${platform}-${process.arch}@${versions.node.newest}` },
  ...{ 'typescript-lowest': `npm:typescript@${versions.typescript.lowest}` },
  ...{ 'typescript-newest': `npm:typescript@${versions.typescript.newest}` },
  ...{ '@types/node': require('@types/node/package.json').version },
};

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
  const dependencies = { ...packages, '@darkroom/client': `file:${join(folder, tarball)}` };
  await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module', dependencies }));
  await run('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit'], {
    cwd: project,
  });
  service = await startEmbedded({ dataDir: join(folder, 'data'), port: 0 });
}, 600_000);

afterAll(async () => {
  await service?.stop();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Compiles programs as strictly as TypeScript can, types of packages included, into a folder of that
 * compiler's age.
 */
async function compile(age: Age, programs: Record<string, string>): Promise<string> {
  for (const [name, text] of Object.entries(programs)) await writeFile(join(project, name), text);
  const tsc = join(project, `node_modules/typescript-${age}/bin/tsc`);
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
  const target = ['--target', 'es2022', '--module', 'nodenext', '--types', 'node'];
  const output = ['--rootDir', '.', '--outDir', age, '--pretty', 'false'];
  const result = await run(
    process.execPath,
    [tsc, ...strict, ...target, ...output, ...Object.keys(programs)],
    { cwd: project },
  ).catch((error: { stdout: string }) => error);
  return result.stdout;
}

const picture = `import { writeFile } from 'node:fs/promises';
  import { createClient, type Generation } from '@darkroom/client';

  async function main(): Promise<void> {
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
    const [image] = generation.images;
    if (image === undefined) throw new Error('no picture');
    const signal = AbortSignal.timeout(30_000);
    await writeFile(process.argv[3] ?? '', await client.fetchImage(image, { signal }));
    const seconds: number = (generation.timings.inferenceMs ?? 0) / 1000;
    console.log(JSON.stringify({
      limit, last, listed: page.generations.map(({ id }) => id), steps, seconds,
      state: generation.state, node: process.version,
    }));
  }
  void main();`;

test('package.json declares the lowest versions that are tested here', async () => {
  const { engines, peerDependencies } = require('./package.json');
  expect(engines.node).toBe(`>=${versions.node.lowest.replace(/\.0$/, '')}`);
  expect(peerDependencies.typescript).toBe(`>=${versions.typescript.lowest}`);
});

test.each(['lowest', 'newest'] as const)(
  'the %s TypeScript compiles an ES module and a CommonJS module, and the Node of that age makes a picture with each',
  async (age) => {
    expect(await compile(age, { 'esm.mts': picture, 'common.cts': picture })).toBe('');
    const node = join(project, `node_modules/node-${age}/bin/node`);
    for (const program of ['esm.mjs', 'common.cjs']) {
      const png = join(project, `${age}-${program}.png`);
      const { stdout, stderr } = await run(node, [join(age, program), service.url, png], {
        cwd: project,
      });
      expect(stderr).toBe('');
      const told = JSON.parse(stdout);
      expect(told).toMatchObject({
        node: `v${versions.node[age]}`,
        state: 'succeeded',
        last: { state: 'succeeded', images: [{ width: 64, height: 64, seed: 7 }] },
      });
      expect(told.listed).toContain(told.last.id);
      expect(told.steps.at(-1)).toBe(4);
      expect(decode(await readFile(png))).toMatchObject({ width: 64, height: 64, channels: 3 });
    }
  },
  240_000,
);

test('a misspelt field does not compile, and the message names it', async () => {
  const program = (call: string) =>
    `import { createClient } from '@darkroom/client';
    await createClient({ url: 'http://localhost' }).${call};`;
  const output = await compile('newest', {
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
    'index.cjs',
    'index.d.cts',
    'index.d.ts',
    'index.js',
  ]);
});
