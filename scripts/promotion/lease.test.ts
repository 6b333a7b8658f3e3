import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { expect, test } from 'vitest';
import type { Manifest } from '../render/manifest.ts';
import { takeLock, whoami } from './lease.ts';
import { type ApiServer, serveApi } from './testing/api-server.ts';

const collection = '/apis/coordination.k8s.io/v1/namespaces/darkroom-releases/leases';
const at = `${collection}/promotion`;

const held = (holderIdentity: string, secondsAgo = 0): Manifest => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'promotion', namespace: 'darkroom-releases' },
  spec: {
    holderIdentity,
    leaseDurationSeconds: 60,
    renewTime: new Date(Date.now() - secondsAgo * 1_000).toISOString(),
  },
});
const holderOf = ({ objects }: Pick<ApiServer, 'objects'>) =>
  (objects.get(at)?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity;
const mine = `${whoami()}:${process.pid}`;
const take = (server: ApiServer, note: (line: string) => void = () => {}) =>
  takeLock(server.open({ patienceMs: 0 }), {
    onLost: (error) => {
      throw error;
    },
    note,
  });

test('the lock is taken, and given back', async () => {
  const server = await serveApi();
  const giveBack = await take(server);
  expect(holderOf(server)).toBe(mine);
  await giveBack();
  expect(holderOf(server)).toBe('');
  const again = await take(server);
  expect(holderOf(server)).toBe(mine);
  await again();
});

test.each([
  ['on another machine', 'ann@laptop:12'],
  ['on this one', `${whoami()}:${process.ppid}`],
])('while somebody holds it %s, it is refused, and who it is told', async (_, holder) => {
  const server = await serveApi();
  server.objects.set(at, held(holder));
  await expect(take(server)).rejects.toThrow(`${holder} is promoting to production (last seen 20`);
  expect(holderOf(server)).toBe(holder);
});

test('a lock that nobody renewed is taken over, and not a second before', async () => {
  const server = await serveApi();
  server.objects.set(at, held('ann@laptop:12', 50));
  await expect(take(server)).rejects.toThrow('ann@laptop:12 is promoting');
  server.objects.set(at, held('ann@laptop:12', 62));
  const giveBack = await take(server);
  expect(holderOf(server)).toBe(mine);
  await giveBack();
});

test('a process of this machine that has ended holds nothing', async () => {
  const { pid } = spawnSync(process.execPath, ['--version']);
  const server = await serveApi();
  server.objects.set(at, held(`${whoami()}:${pid}`));
  const giveBack = await take(server);
  expect(holderOf(server)).toBe(mine);
  await giveBack();
});

test('of two that take it at once one is refused, and told who was faster', async () => {
  const server = await serveApi(({ method }, objects) => {
    if (method === 'POST') objects.set(at, held('ann@laptop:12'));
    return undefined;
  });
  await expect(take(server)).rejects.toThrow('ann@laptop:12 is promoting to production');
});

test('it is taken where only the answer was lost', async () => {
  let lost = 0;
  const server = await serveApi(({ method, body }, objects) => {
    if (method !== 'POST' || lost > 0) return undefined;
    lost += 1;
    objects.set(at, body as Manifest);
    return 'hang up';
  });
  const giveBack = await take(server);
  expect(holderOf(server)).toBe(mine);
  await giveBack();
});

test('what somebody else holds by now is not given back', async () => {
  const server = await serveApi();
  const giveBack = await take(server);
  server.objects.set(at, held('ann@laptop:12'));
  await giveBack();
  expect(holderOf(server)).toBe('ann@laptop:12');
});

test('a lock that cannot be given back is told of, and fails nothing', async () => {
  let isAway = false;
  const server = await serveApi(() => (isAway ? 'hang up' : undefined));
  const notes: string[] = [];
  const giveBack = await take(server, (line) => notes.push(line));
  isAway = true;
  await giveBack();
  expect(notes).toEqual([
    expect.stringMatching(/stays until it ends by itself after 60 s: the API/),
  ]);
});
