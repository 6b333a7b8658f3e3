import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** A repository's files by path. */
export type Content = ReadonlyMap<string, Buffer>;

export type Repository = {
  /** By branch or tag. A commit's name follows from its content. */
  revisions: Record<string, Content>;
  /** Who may read it. @default everyone */
  access?: { token: string; gated?: boolean };
};

/** What the server does with a request for a file instead of answering it rightly. */
export type Trouble =
  | { kind: 'cut'; after: number }
  | { kind: 'status'; status: number; headers?: Record<string, string> }
  | { kind: 'bytes'; content: Buffer }
  | { kind: 'length'; contentLength: number }
  | { kind: 'no-ranges' }
  | { kind: 'stall'; after: number }
  /** Sends so many bytes, and the others when told. */
  | { kind: 'hold'; after: number; until: Promise<void> };

export type Seen = {
  at: 'hub' | 'cdn';
  method: string;
  path: string;
  authorization: string | undefined;
  range: string | undefined;
};

export type HubServer = {
  endpoint: string;
  seen: Seen[];
  /** Asked before each file is sent. */
  trouble: (path: string, seen: Seen) => Trouble | undefined;
  /** Changes what is listed. */
  listed: (entries: object[]) => object[];
  /** Entries to a page of a listing. */
  pageSize: number;
  /** What requests of the API are answered instead. */
  api: (
    path: string,
  ) => { status: number; body: string; headers?: Record<string, string> } | undefined;
  close(): Promise<void>;
};

/** Every file of a folder, as a repository has it. */
export function contentOf(folder: string): Map<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(folder.length + 1), readFileSync(path)];
    }),
  );
}

const digest = (algorithm: string, ...parts: (string | Buffer)[]) => {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};
const gitBlob = (bytes: Buffer) => digest('sha1', `blob ${bytes.length}\0`, bytes);
const sha256 = (bytes: Buffer) => digest('sha256', bytes);

/** Stands for the commit of a content. */
export const commitOf = (content: Content): string =>
  digest('sha1', ...[...content].flatMap(([path, bytes]) => [path, sha256(bytes)]));

const inLfs = (path: string) => /\.(onnx|onnx_data|pb|safetensors|bin)$/.test(path);

/**
 * A hub as huggingface_hub 2 speaks with it: a revision, the tree of a commit in pages, and files, which
 * come from elsewhere: those in LFS from another origin by a signed link that knows no token, the others by a relative
 * redirect.
 */
export async function startHubServer(repositories: Record<string, Repository>): Promise<HubServer> {
  const hub = createServer((request, response) => answer(request, response, 'hub'));
  const cdn = createServer((request, response) => answer(request, response, 'cdn'));
  const [endpoint, cdnOrigin] = await Promise.all([hub, cdn].map(listen));
  const server: HubServer = {
    endpoint: endpoint ?? '',
    seen: [],
    trouble: () => undefined,
    listed: (entries) => entries,
    pageSize: 1000,
    api: () => undefined,
    async close() {
      for (const one of [hub, cdn]) {
        one.closeAllConnections();
        one.close();
      }
    },
  };

  function answer(request: IncomingMessage, response: ServerResponse, at: Seen['at']) {
    const { method = '', url = '', headers } = request;
    const { authorization, range } = headers;
    const seen: Seen = { at, method, path: decodeURIComponent(url), authorization, range };
    server.seen.push(seen);
    const { pathname, searchParams } = new URL(url, 'http://hub');
    if (at === 'cdn') return serveFromCdn(pathname, seen, response);
    const isCached = pathname.startsWith('/api/resolve-cache/');
    const segments = pathname
      .replace(/^\/api\/(resolve-cache\/)?models/, '')
      .split('/')
      .slice(1);
    if (isCached) segments.splice(2, 0, 'resolve');
    const [owner = '', name = '', verb = '', at_ = '', ...path] = segments;
    const id = `${owner}/${name}`;
    const instead = pathname.startsWith('/api/') && !isCached ? server.api(pathname) : undefined;
    if (instead !== undefined) {
      response.writeHead(instead.status, instead.headers).end(instead.body);
      return;
    }
    const repository = repositories[id];
    if (repository === undefined)
      return refuse(response, authorization ? 404 : 401, 'RepoNotFound');
    const { access } = repository;
    if (access !== undefined && authorization !== `Bearer ${access.token}`) {
      if (access.gated) return refuse(response, authorization ? 403 : 401, 'GatedRepo');
      return refuse(response, authorization ? 404 : 401, 'RepoNotFound');
    }
    const revision = decodeURIComponent(at_ || 'main');
    const content = contentAt(repository, revision);
    if (content === undefined) return refuse(response, 404, 'RevisionNotFound');
    const commit = commitOf(content);
    if (verb === 'revision' || verb === '') {
      const siblings = [...content.keys()].map((rfilename) => ({ rfilename }));
      return sendJson(response, {
        id,
        modelId: id,
        sha: commit,
        private: false,
        tags: [],
        siblings,
      });
    }
    if (verb === 'tree')
      return sendTree(response, content, url, Number(searchParams.get('cursor') ?? 0));
    const file = path.map(decodeURIComponent).join('/');
    const bytes = content.get(file);
    if (bytes === undefined) return refuse(response, 404, 'EntryNotFound');
    response.setHeader('x-repo-commit', commit);
    if (isCached) return send(response, file, bytes, seen);
    response.setHeader('x-linked-size', bytes.length);
    response.setHeader('x-linked-etag', `"${inLfs(file) ? sha256(bytes) : gitBlob(bytes)}"`);
    const location = inLfs(file)
      ? `${cdnOrigin}/${sha256(bytes)}/${path.join('/')}?signature=yes`
      : `/api/resolve-cache/models/${id}/${commit}/${path.join('/')}`;
    response.writeHead(inLfs(file) ? 302 : 307, { location }).end();
  }

  function serveFromCdn(pathname: string, seen: Seen, response: ServerResponse) {
    const [, wanted = '', ...path] = pathname.split('/');
    // As S3 does with two kinds of credentials at once.
    if (seen.authorization !== undefined) return refuse(response, 400, 'TwoCredentials');
    for (const { revisions } of Object.values(repositories)) {
      for (const content of Object.values(revisions)) {
        const file = path.map(decodeURIComponent).join('/');
        const bytes = content.get(file);
        if (bytes !== undefined && sha256(bytes) === wanted)
          return send(response, file, bytes, seen);
      }
    }
    refuse(response, 404, 'NoSuchKey');
  }

  function sendTree(response: ServerResponse, content: Content, url: string, first: number) {
    const entries: object[] = [...content].map(([path, bytes]) => ({
      type: 'file',
      path,
      size: bytes.length,
      // Of a file in LFS git knows the pointer alone.
      oid: inLfs(path) ? digest('sha1', sha256(bytes)) : gitBlob(bytes),
      ...(inLfs(path) && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }),
    }));
    const folders = new Set([...content.keys()].flatMap((path) => path.split('/').slice(0, -1)));
    const all = server.listed([
      ...[...folders].map((path) => ({
        type: 'directory',
        path,
        size: 0,
        oid: digest('sha1', path),
      })),
      ...entries,
    ]);
    const next = first + server.pageSize;
    if (next < all.length) {
      const page = new URL(url, endpoint);
      page.searchParams.set('cursor', String(next));
      response.setHeader('link', `<${page.href}>; rel="next"`);
    }
    sendJson(response, all.slice(first, next));
  }

  async function send(response: ServerResponse, path: string, bytes: Buffer, seen: Seen) {
    const trouble = server.trouble(path, seen);
    if (trouble?.kind === 'status') {
      return response.writeHead(trouble.status, trouble.headers).end();
    }
    const content = trouble?.kind === 'bytes' ? trouble.content : bytes;
    const from = Number(/^bytes=(\d+)-$/.exec(seen.range ?? '')?.[1] ?? 0);
    if (from > 0 && from >= content.length) return refuse(response, 416, 'RangeNotSatisfiable');
    const isPart = seen.range !== undefined && trouble?.kind !== 'no-ranges';
    const part = isPart ? content.subarray(from) : content;
    if (isPart)
      response.setHeader('content-range', `bytes ${from}-${content.length - 1}/${content.length}`);
    response.setHeader('etag', `"${inLfs(path) ? sha256(bytes) : gitBlob(bytes)}"`);
    const length = trouble?.kind === 'length' ? trouble.contentLength : part.length;
    response.writeHead(isPart ? 206 : 200, { 'content-length': length, 'accept-ranges': 'bytes' });
    if (seen.method === 'HEAD') return response.end();
    if (trouble?.kind === 'cut' || trouble?.kind === 'stall' || trouble?.kind === 'hold') {
      response.write(part.subarray(0, trouble.after), () => {
        if (trouble.kind === 'cut') response.destroy();
      });
      if (trouble.kind !== 'hold') return;
      await trouble.until;
      return response.end(part.subarray(trouble.after));
    }
    response.end(part);
    if (trouble?.kind !== 'length') return;
    // More was announced than there is.
    await wait(20);
    response.destroy();
  }

  return server;
}

const contentAt = ({ revisions }: Repository, revision: string): Content | undefined =>
  revisions[revision] ?? Object.values(revisions).find((content) => commitOf(content) === revision);

export async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.setHeader('x-error-code', code);
  response.setHeader('x-error-message', `refused for ${code}`);
  response.statusCode = status;
  sendJson(response, { error: code });
}
