import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readTarget } from './target.ts';

let environments: string;
beforeAll(async () => {
  environments = await mkdtemp(join(tmpdir(), 'darkroom-targets-'));
  await mkdir(join(environments, 'production'));
});
afterAll(() => rm(environments, { recursive: true }));

const least = {
  cluster: { context: 'production', id: '0b3f5b5e-6f0c-4b8e-9d4e-2f6f0c9f7a11' },
  url: 'https://darkroom.example.com',
};
const read = async (content: object | string) => {
  const text = typeof content === 'string' ? content : stringify(content);
  await writeFile(join(environments, 'production', 'target.yaml'), text);
  return readTarget(environments, 'production');
};

test('what says only which cluster it is gets everything else careful', async () => {
  expect(await read(least)).toEqual({
    ...least,
    name: 'production',
    folder: join(environments, 'production'),
    apiKey: { secret: 'first-api-key', key: 'key' },
    registries: {},
    objectStore: { secret: 'worker-credentials' },
    accepts: [],
    soakSeconds: 3_600,
    bakeSeconds: 300,
    rolloutSeconds: 1_800,
    pictureSeconds: 300,
    pictureTolerance: 0,
    toleratedAlerts: [],
  });
});

test('what it says is taken', async () => {
  const said = {
    ...least,
    apiKey: { secret: 'promotion', key: 'api-key' },
    registries: { 'registry.internal': 'registry.example.com' },
    objectStore: { endpoint: 'https://s3.example.com', secret: 'models' },
    accepts: ['staging'],
    soakSeconds: 0,
    bakeSeconds: 0,
    rolloutSeconds: 60,
    pictureTolerance: 255,
    toleratedAlerts: ['DarkroomQueueLong'],
  };
  expect(await read(said)).toMatchObject(said);
});

test('the files of whose releases are taken lie beside it, or where a whole path leads', async () => {
  const beside = join(environments, 'production');
  const key = await read({ ...least, signedBy: { key: 'release.pub' } });
  expect(key.signedBy).toEqual({ key: join(beside, 'release.pub') });
  const whole = await read({ ...least, signedBy: { key: join(tmpdir(), 'release.pub') } });
  expect(whole.signedBy).toEqual({ key: join(tmpdir(), 'release.pub') });
  const identity = { certificateIdentity: 'ann@example.com', certificateOidcIssuer: 'https://x' };
  const signedBy = { ...identity, trustedRoot: '../trusted_root.json' };
  expect((await read({ ...least, signedBy })).signedBy).toEqual({
    ...identity,
    trustedRoot: join(environments, 'trusted_root.json'),
  });
});

test.each<[field: string, changed: object]>([
  ['cluster', { cluster: undefined }],
  ['cluster.context', { cluster: { ...least.cluster, context: '' } }],
  ['cluster.id', { cluster: { ...least.cluster, id: 'production' } }],
  ['cluster', { cluster: { ...least.cluster, server: 'https://x' } }],
  ['url', { url: 'darkroom.example.com' }],
  ['url', { url: 'amqp://darkroom.example.com' }],
  ['apiKey.key', { apiKey: { secret: 'a' } }],
  ['registries.a', { registries: { a: 1 } }],
  ['objectStore.endpoint', { objectStore: { endpoint: 's3.example.com' } }],
  ['objectStore', { objectStore: { bucket: 'models' } }],
  ['accepts', { accepts: 'staging' }],
  ['soakSeconds', { soakSeconds: -1 }],
  ['bakeSeconds', { bakeSeconds: 1.5 }],
  ['rolloutSeconds', { rolloutSeconds: '60' }],
  ['pictureTolerance', { pictureTolerance: 256 }],
  ['toleratedAlerts', { toleratedAlerts: [1] }],
  ['signedBy', { signedBy: { certificateIdentity: 'ann@example.com' } }],
])('a wrong %s is named', async (field, changed) => {
  const failure = await read({ ...least, ...changed }).catch((error: Error) => error.message);
  expect(failure).toMatch(/production\/target\.yaml is not as it must be/);
  expect(failure).toMatch(new RegExp(`at ${field.replace('.', '\\.')}`));
});

test('a field that there is not is named, and all that is wrong is told together', async () => {
  const wrong = read({ ...least, soakSecond: 1, url: 'x', pictureTolerance: -1 });
  await expect(wrong).rejects.toThrow('soakSecond');
  await expect(wrong).rejects.toThrow(/at url.*at pictureTolerance/s);
});

test('an empty file, and what is no YAML, are told so', async () => {
  await expect(read('')).rejects.toThrow('is not as it must be');
  await expect(read('cluster: [')).rejects.toThrow(/target\.yaml is no YAML: /);
});

test('an environment without one says where it is told what stands in it', async () => {
  await expect(readTarget(environments, 'staging')).rejects.toThrow(
    `staging cannot be promoted to or from: ${join(environments, 'staging', 'target.yaml')} is missing; docs/promotion.md`,
  );
});
