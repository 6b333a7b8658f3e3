import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createHub, type HubModel, type HubOptions } from './hub.ts';
import { staysWithin } from './listing.ts';
import { commitOf, type HubServer, listen, startHubServer } from './testing/hub-server.ts';

const content = new Map([
  ['model_index.json', Buffer.from('{}')],
  ['unet/model.onnx', Buffer.from('a graph, more or less')],
  ['unet/a b#c?d%.json', Buffer.from('a name to be encoded')],
]);
const older = new Map([['model_index.json', Buffer.from('{ "older": true }')]]);
const token = 'hf_secret';
const { signal } = new AbortController();

let server: HubServer;
beforeEach(async () => {
  const revisions = { main: content, 'refs/pr/1': older };
  server = await startHubServer({
    'org/open': { revisions },
    'org/closed': { revisions, access: { token } },
    'org/gated': { revisions, access: { token, gated: true } },
  });
});
afterEach(() => server.close());

const find = (
  repository: string,
  { revision = 'main', ...options }: Partial<HubOptions> & { revision?: string } = {},
) => createHub({ endpoint: server.endpoint, ...options }).findModel(repository, revision, signal);

async function read(model: HubModel, path: string, from = 0): Promise<[number, string]> {
  const { offset, content } = await model.read(path, { offset: from, signal });
  const chunks = [];
  for await (const chunk of content) chunks.push(chunk);
  return [offset, Buffer.concat(chunks).toString()];
}

describe('a model of a hub', () => {
  it('has the files of one commit, each with its size and checksum, over as many pages as it takes', async () => {
    server.pageSize = 1;
    const { commit, files } = await find('org/open');
    expect(commit).toBe(commitOf(content));
    expect(files).toEqual([
      // printf '{}' | git hash-object --stdin
      {
        path: 'model_index.json',
        bytes: 2,
        checksum: { gitBlob: '9e26dfeeb6e641a33dae4961196235bdb965b21b' },
      },
      // printf 'a graph, more or less' | sha256sum
      {
        path: 'unet/model.onnx',
        bytes: 21,
        checksum: { sha256: '1bd79e5c2b0be6b5be92f74fa482b8b4a71b3d5f1018caee10bebe90d02fa1c8' },
      },
      { path: 'unet/a b#c?d%.json', bytes: 20, checksum: expect.anything() },
    ]);
  });

  it('is found by a branch with slashes, and by its commit', async () => {
    const { commit } = await find('org/open', { revision: 'refs/pr/1' });
    expect(commit).toBe(commitOf(older));
    expect((await find('org/open', { revision: commit })).files).toHaveLength(1);
  });

  it('gives the content of a file, from any offset on', async () => {
    const model = await find('org/open');
    expect(await read(model, 'unet/model.onnx')).toEqual([0, 'a graph, more or less']);
    expect(await read(model, 'unet/model.onnx', 9)).toEqual([9, 'more or less']);
    expect(await read(model, 'unet/a b#c?d%.json')).toEqual([0, 'a name to be encoded']);
    server.trouble = () => ({ kind: 'no-ranges' });
    expect(await read(model, 'unet/model.onnx', 9)).toEqual([0, 'a graph, more or less']);
  });

  it('is read with the token, which goes to the hub alone and not along to where its files lie', async () => {
    const model = await find('org/closed', { token });
    await read(model, 'unet/model.onnx', 2);
    await read(model, 'model_index.json');
    const told = server.seen.map(({ at, authorization }) => `${at} ${authorization}`);
    expect(new Set(told)).toEqual(new Set([`hub Bearer ${token}`, 'cdn undefined']));
    expect(server.seen.find(({ at }) => at === 'cdn')?.range).toBe('bytes=2-');
  });

  it('is listed without the token where the next page is of another origin', async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('[]');
    });
    const origin = await listen(elsewhere);
    onTestFinished(() => void elsewhere.close());
    const entry = { type: 'directory', path: 'unet' };
    server.api = (path) =>
      path.includes('/tree/')
        ? {
            status: 200,
            body: JSON.stringify([entry]),
            headers: { link: `<${origin}/more>; rel="next"` },
          }
        : undefined;
    await find('org/open', { token });
    expect(seen).toEqual([undefined]);
  });
});

describe('a refusal says what to do:', () => {
  const cases: [string, { token?: string; revision?: string }, string, string, string][] = [
    ['org/none', {}, 'unauthenticated', 'org/none', 'set HF_TOKEN'],
    ['org/none', { token }, 'not-found', 'has no model org/none', 'check the name'],
    ['org/closed', {}, 'unauthenticated', 'org/closed', 'set HF_TOKEN'],
    [
      'org/closed',
      { token: 'hf_other' },
      'not-found',
      'org/closed',
      'the token in HF_TOKEN may read',
    ],
    ['org/gated', {}, 'forbidden', '/org/gated gives', 'accept its terms there, and set HF_TOKEN'],
    ['org/gated', { token: 'hf_other' }, 'forbidden', '403', 'with the account of HF_TOKEN'],
    [
      'org/open',
      { revision: 'v9' },
      'not-found',
      'no revision "v9"',
      'a branch, a tag or a commit',
    ],
  ];
  it.each(cases)('%s, asked with %o, is %s', async (repository, options, kind, ...words) => {
    const refused = await find(repository, options).catch((error) => error);
    expect(refused).toMatchObject({ name: 'DarkroomError', kind });
    for (const word of words) expect(refused.message).toContain(word);
    expect(refused.message).not.toContain(options.token ?? 'hf_');
  });

  it('a token that is not taken', async () => {
    server.api = () => ({ status: 401, body: '' });
    await expect(find('org/open', { token })).rejects.toMatchObject({
      kind: 'unauthenticated',
      message: expect.stringContaining('does not take the token in HF_TOKEN'),
    });
  });

  it('too many requests, with when to come again', async () => {
    server.api = () => ({ status: 429, body: '', headers: { 'retry-after': '7' } });
    await expect(find('org/open')).rejects.toMatchObject({ kind: 'too-many', retryAfterS: 7 });
  });

  it('a file that is listed and not there', async () => {
    const model = await find('org/open');
    await expect(read(model, 'unet/gone.json')).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringMatching(/lists unet\/gone.json at [0-9a-f]{40} and does not have it/),
    });
  });

  it('a hub that fails, after three attempts; one that recovers is no failure', async () => {
    let calls = 0;
    server.api = () => {
      calls += 1;
      return { status: 503, body: '' };
    };
    await expect(find('org/open')).rejects.toMatchObject({ kind: 'unavailable' });
    expect(calls).toBe(3);
    server.api = () => {
      calls += 1;
      return calls < 6 ? { status: 502, body: '' } : undefined;
    };
    expect((await find('org/open')).commit).toBe(commitOf(content));
  });

  it.each([
    ['HTML', '<html>welcome</html>', 'it sent no JSON'],
    ['other JSON', '{"sha":"main"}', 'must be a commit'],
    ['no end', ' '.repeat(17 * 2 ** 20), 'it sent more than'],
  ])('an endpoint that is no hub: %s', async (_, body, words) => {
    server.api = () => ({ status: 200, body });
    await expect(find('org/open')).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringMatching(new RegExp(`${words}.*HF_ENDPOINT`, 's')),
    });
  });

  it('an address where nobody listens', async () => {
    const nobody = createServer();
    const endpoint = await listen(nobody);
    nobody.close();
    await expect(find('org/open', { endpoint })).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/ECONNREFUSED.*check HF_ENDPOINT/),
    });
  });

  it('a server that falls silent', async () => {
    const model = await find('org/open', { stallMs: 100 });
    server.trouble = () => ({ kind: 'stall', after: 4 });
    await expect(read(model, 'unet/model.onnx')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('nothing came for 0.1 s'),
    });
  });

  it.each([
    '../x',
    'unet/../../x',
    '/etc/passwd',
    'unet\\..\\x',
    'C:/x',
    'unet/a\0b',
    'unet//x',
    './x',
  ])('a path that leads out of the folder: %j', async (path) => {
    expect(staysWithin(path)).toBe(false);
    const entry = { type: 'file', path, size: 1, oid: '0'.repeat(40) };
    server.listed = (entries) => [...entries, entry];
    await expect(find('org/open')).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining(`org/open has a file ${JSON.stringify(path)}`),
    });
  });

  it('a listing without end', async () => {
    server.api = (path) =>
      path.includes('/tree/')
        ? { status: 200, body: '[]', headers: { link: `<${path}?again>; rel="next"` } }
        : undefined;
    await expect(find('org/open')).rejects.toMatchObject({ kind: 'damaged' });
  });

  it('an abort, with its own reason', async () => {
    const model = await find('org/open');
    server.trouble = () => ({ kind: 'stall', after: 4 });
    const abort = new AbortController();
    const { content } = await model.read('unet/model.onnx', { offset: 0, signal: abort.signal });
    const reading = (async () => {
      for await (const _ of content) abort.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
  });
});
