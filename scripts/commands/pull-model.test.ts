import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { verifyModelFolder } from '@darkroom/diffusion';
import {
  contentOf,
  type HubServer,
  listen,
  startHubServer,
} from '@darkroom/hub/testing/hub-server.ts';
import { pinhole } from '@darkroom/pinhole';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfig } from './config.ts';
import { list, remove, verify } from './models.ts';
import { pull as pullCommand } from './pull-model.ts';
import type { Context } from './run-command.ts';
import { darkroom, start } from './testing/darkroom.ts';

const UNET = 'unet/model.onnx';
const content = contentOf(pinhole.folder);
const token = 'hf_secret';

let server: HubServer;
let dataDir: string;
let env: Record<string, string>;
beforeEach(async () => {
  const access = { token };
  server = await startHubServer({ 'Org/Dots_v1.5': { revisions: { main: content }, access } });
  dataDir = await mkdtemp(join(tmpdir(), 'pull-command-'));
  env = { HF_ENDPOINT: server.endpoint, HF_TOKEN: token };
});
afterEach(async () => {
  await server.close();
  await rm(dataDir, { recursive: true });
});

const pull = ['models', 'pull', 'Org/Dots_v1.5'];
const onDataDir = (...args: string[]) => [...args, '--data-dir', dataDir];

const contextThat = (print: Context['print']): Context => ({
  config: readConfig(),
  signal: new AbortController().signal,
  print,
  note: () => {},
});

test('a model is pulled, and makes a picture by the command that is told', {
  timeout: 180_000,
}, async () => {
  const pulled = await darkroom(onDataDir(...pull), { env });
  expect(pulled.code, pulled.stderr).toBe(0);
  expect(pulled.stderr).toMatch(/^3\.\d of 13\.2 MiB {2}unet\/model.onnx$/m);
  expect(pulled.stdout).toMatch(
    /^dots-v1-5: 14 files, 13.2 MiB, 13.2 MiB fetched, Org\/Dots_v1.5@[0-9a-f]{40}$/m,
  );
  const told = /^ {2}MODELS=(\S+) npm run -s darkroom -- (generate .*)$/m.exec(pulled.stdout);
  const [, MODELS = '', command = ''] = told ?? [];
  const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, text, word]) => text ?? word);
  const args = words.filter((word) => word !== undefined);
  const output = join(dataDir, 'star.png');
  const options = ['--steps', '2', '--scheduler', 'ddim', '--output', output];
  const made = await darkroom([...args, ...options], { env: { MODELS } });
  expect(made.code, made.stderr).toBe(0);
  expect((await readFile(output)).subarray(1, 4).toString()).toBe('PNG');
});

test('a model that was pulled is listed, verified, and removed', async () => {
  await darkroom(onDataDir(...pull), { env });
  const printed: string[] = [];
  const context = contextThat((text) => printed.push(text));
  const options = { dataDir, json: true };
  await list({ ...options, local: true }, context);
  expect(JSON.parse(printed.pop() ?? '')).toEqual([
    expect.objectContaining({ name: 'dots-v1-5', repository: 'Org/Dots_v1.5', revision: 'main' }),
  ]);

  const folder = join(dataDir, 'models/dots-v1-5');
  const { digest } = await verifyModelFolder(pinhole.folder);
  await verify(options, context);
  expect(JSON.parse(printed.pop() ?? '')).toContainEqual(
    expect.objectContaining({ name: 'dots-v1-5', repository: 'Org/Dots_v1.5', digest, folder }),
  );
  await writeFile(join(folder, UNET), 'cut short');
  await expect(verify(options, context)).rejects.toThrow(
    /unet\/model.onnx is not the file .*models pull Org\/Dots_v1.5@.* --name dots-v1-5/,
  );

  const name = 'dots-v1-5';
  await remove({ ...options, name, yes: false }, context);
  expect(await readdir(join(dataDir, 'models'))).toEqual(['.dots-v1-5.lock']);
});

test.each([
  [
    'SIGINT',
    130,
    'interrupted by SIGINT: what has come is kept; the same command goes on from there',
  ],
  ['SIGKILL', null, ''],
] as const)(
  '%s amid a file leaves no model, and the next pull goes on from there',
  async (signal, code, words) => {
    server.trouble = (path) => (path === UNET ? { kind: 'stall', after: 5_000_000 } : undefined);
    const args = onDataDir(...pull, '--json', '--name', 'dots');
    const first = start(args, { env });
    await first.said(/unet\/model.onnx/);
    const modelDir = join(dataDir, 'models');
    const arrived = async () => {
      const [draft] = (await readdir(modelDir, { recursive: true })).filter((path) =>
        path.includes(`${UNET}.partial`),
      );
      return draft === undefined ? 0 : (await readFile(join(modelDir, draft))).length;
    };
    await expect.poll(arrived, { timeout: 30_000 }).toBeGreaterThan(0);
    first.process.kill(signal);
    const ended = await first.finished;
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(words);
    expect(await readdir(modelDir)).not.toContain('dots');

    const kept = await arrived();
    server.trouble = () => undefined;
    server.seen.length = 0;
    const second = await darkroom(args, { env });
    expect(second.code, second.stderr).toBe(0);
    const { fetched, size, files, catalogue } = JSON.parse(second.stdout);
    expect(fetched).toBeLessThan(size);
    expect(files).toBe(14);
    expect(server.seen.filter(({ at, path }) => at === 'cdn' && path.includes(UNET))).toMatchObject(
      [{ range: `bytes=${kept}-`, authorization: undefined }],
    );
    expect(JSON.parse(await readFile(catalogue, 'utf8')).models).toMatchObject([{ name: 'dots' }]);
  },
);

test('a model that the service on the data folder has is removed only with --yes', async () => {
  const service = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(request.url === '/healthz' ? 'ok' : '{"result":{"data":[{"name":"dots"}]}}');
  });
  const url = await listen(service);
  const lock = new DatabaseSync(join(dataDir, 'owner.lock'));
  lock.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
  await writeFile(join(dataDir, 'owner.json'), JSON.stringify({ pid: process.pid, url }));
  const options = { dataDir, json: false, name: 'dots', yes: false };
  const context = contextThat(() => {});
  try {
    await expect(remove(options, context)).rejects.toThrow(
      `the service at ${url}, on the data folder ${dataDir}, has dots loaded; stop it first`,
    );
    const notThere = 'has no model';
    await expect(remove({ ...options, yes: true }, context)).rejects.toThrow(notThere);
    await expect(remove({ ...options, name: 'other' }, context)).rejects.toThrow(notThere);
  } finally {
    lock.close();
    service.close();
  }
});

test.each([
  [{ model: 'dots' }, '"dots" is no model of a hub'],
  [{ model: 'a/../b' }, '"a/../b" is no model of a hub'],
  [{ model: 'a/..' }, '"a/.." is no model of a hub'],
  [{ model: 'a/b@../c' }, '"../c" is no revision'],
  [{ model: 'a/b', name: 'A b' }, '"A b" is no model\'s name'],
  [{ model: 'a/__' }, '"" is no model\'s name: give one with --name'],
])('%o is wrong usage', async (options, words) => {
  const pulling = pullCommand(
    { ...options, dataDir, json: false },
    contextThat(() => {}),
  );
  await expect(pulling).rejects.toMatchObject({
    name: 'UsageError',
    message: expect.stringContaining(words),
  });
});

test.each([
  ['an endpoint that is none', { HF_ENDPOINT: 'hub' }, 'HF_ENDPOINT: must be an http'],
  ['a token that is none', { HF_TOKEN: 'hf_a b' }, 'HF_TOKEN: must be a token'],
  ['a model that is not there', {}, 'has no model a/b'],
])('%s is refused with what to do', async (_, over, words) => {
  const args = onDataDir('models', 'pull', 'a/b');
  const refused = await darkroom(args, { env: { ...env, ...over } });
  expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(words) });
  expect(refused.stderr).not.toContain('hf_');
  expect(await readdir(dataDir)).toEqual([]);
});
