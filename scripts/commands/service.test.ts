import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createClient } from '@darkroom/client/source';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfig } from './config.ts';
import { explain } from './failure.ts';
import { list as listJobs } from './jobs.ts';
import { list as listModels } from './models.ts';
import type { Context } from './run-command.ts';
import { withService } from './service.ts';

let folder: string;
let servers: Server[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-service-'));
  servers = [];
});
afterEach(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

const context: Context = {
  config: readConfig(),
  signal: new AbortController().signal,
  print: () => {},
  note: () => {},
};

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Owns the data folder as an embedded service does, answering wherever it is told to announce. */
function ownFolder() {
  const lock = new DatabaseSync(join(folder, 'owner.lock'));
  lock.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
  const announce = (url: string) =>
    writeFileSync(join(folder, 'owner.json'), JSON.stringify({ pid: process.pid, url }));
  return { announce, release: () => lock.close() };
}

test('a service that goes away while it is asked is left for the one that follows it', async () => {
  const following = await listen((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(request.url === '/healthz' ? 'ok' : '{"result":{"data":["pinhole"]}}');
  });
  const owner = ownFolder();
  const leaving = await listen((request, response) => {
    if (request.url === '/healthz') return response.end('ok');
    owner.announce(following);
    request.socket.destroy();
  });
  owner.announce(leaving);
  try {
    const models = await withService({ dataDir: folder }, context, (client) =>
      client.models.list.query(),
    );
    expect(models).toEqual(['pinhole']);
  } finally {
    owner.release();
  }
});

test('a connection that fails is told with its cause and the remedy', async () => {
  const url = await listen((request) => request.socket.destroy());
  const failure = await createClient({ url }).models.list.query().catch(explain);
  expect(failure).toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/connection to Darkroom failed \((?!fetch failed).+\); check/),
  });
});

test('jobs and models are not looked for in a folder that does not exist', async () => {
  const options = { dataDir: join(folder, 'typo'), json: false };
  const commands = [listJobs({ ...options, limit: 1 }, context), listModels(options, context)];
  for (const ended of await Promise.allSettled(commands)) {
    expect(ended).toMatchObject({ status: 'rejected' });
    const { message, exitCode } = explain((ended as PromiseRejectedResult).reason);
    expect(exitCode).toBe(1);
    expect(message).toMatch(/typo does not exist; check --data-dir/);
  }
  expect(readdirSync(folder)).toEqual([]);
});
