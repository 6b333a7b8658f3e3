import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** A Docker engine behind a firewall: it answers, has no image, and cannot pull any. */
const engine = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://engine');
  const path = pathname.replace(/^\/v[\d.]+/, '');
  const answer = (status: number, body: object | string) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  if (path === '/_ping') answer(200, 'OK');
  else if (path === '/info') answer(200, { OperatingSystem: 'Linux', OSType: 'linux' });
  else if (path === '/version') answer(200, { ApiVersion: '1.47' });
  else if (path === '/images/create') {
    pulls.push(request.url ?? '');
    answer(500, { message: 'dial tcp: i/o timeout' });
  } else answer(404, { message: `no such thing: ${path}` });
});
let pulls: string[];
let dockerHost: string;

beforeEach(async () => {
  pulls = [];
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  dockerHost = `tcp://127.0.0.1:${(engine.address() as { port: number }).port}`;
});
afterEach(() => engine.close());

const attempt = `
  const { startContainer } = await import('./container.ts');
  const started = await startContainer({ image: 'rabbitmq:none', ports: [5672] });
  console.log(started === undefined ? 'no container' : 'a container');`;

/** A process of a run that starts a server, then others, one of them in a process of its own. */
const program = `${attempt}
  const again = await startContainer({ image: 'rabbitmq:none', ports: [5672] });
  console.log(again === undefined ? 'no container' : 'a container');
  const { execFileSync } = await import('node:child_process');
  const options = ['--input-type=module-typescript', '--eval', ${JSON.stringify(attempt)}];
  execFileSync(process.execPath, options, { stdio: 'inherit' });`;

test('a run asks an engine that cannot pull an image once, whatever its number of processes', async () => {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module-typescript', '--eval', program],
    {
      cwd: import.meta.dirname,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, DOCKER_HOST: dockerHost },
    },
  );
  expect(stdout.trim().split('\n')).toEqual(['no container', 'no container', 'no container']);
  expect(stderr).toContain('i/o timeout');
  expect(pulls).toHaveLength(1);
});
