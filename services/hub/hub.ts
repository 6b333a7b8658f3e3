import { DarkroomError } from '@darkroom/contract';
import { retryWhile } from '@darkroom/timing';
import { z } from 'zod';
import { ask } from './ask.ts';
import { type HubFile, nextPage, revisionInfo, staysWithin, treePage } from './listing.ts';
import { type Asked, refusal } from './refusal.ts';

export type HubOptions = {
  /** Such as `https://huggingface.co`. */
  endpoint: string;
  /** Of an account that may read the models; sent to the endpoint's origin alone. */
  token?: string | undefined;
  /** How long nothing may come from a server, in milliseconds. @default 60 s */
  stallMs?: number | undefined;
};

/** One commit of a model's repository. */
export type HubModel = {
  /** `ORG/NAME` */
  repository: string;
  /** As it was asked for: a branch, a tag or a commit. */
  revision: string;
  /** What it is: 40 hexadecimal digits. */
  commit: string;
  files: HubFile[];
  /**
   * The content of a file from `offset` on. A server that knows no ranges sends it from the
   * beginning: the `offset` of the answer is that of its first byte.
   *
   * @throws as `Hub.findModel`, also while the content is read
   */
  read(
    path: string,
    options: { offset: number; signal: AbortSignal },
  ): Promise<{ offset: number; content: AsyncIterable<Uint8Array> }>;
};

export type Hub = {
  /**
   * Lists what a repository has at a revision.
   *
   * @throws DarkroomError: `not-found`, `unauthenticated`, `forbidden`, `too-many` as the hub says;
   *   `unavailable` where it cannot be reached, after three attempts; `configuration` where the endpoint
   *   is no hub; `damaged` where a path would lead out of a folder; `signal.reason` when aborted
   */
  findModel(repository: string, revision: string, signal: AbortSignal): Promise<HubModel>;
};

const STALL_MS = 60_000;
const ATTEMPTS = 3;
/** Of the answers of the API, which are held in memory: a thousand files to a page. */
const MAX_PAGE_BYTES = 16 * 2 ** 20;
const MAX_PAGES = 100;

/** The hub's HTTP API, as huggingface_hub and the hub's own documentation describe it. */
export function createHub({ endpoint, token, stallMs = STALL_MS }: HubOptions): Hub {
  const root = endpoint.replace(/\/+$/, '');
  const common = {
    'user-agent': 'darkroom',
    // Of a compressed file neither length nor offsets would be those of the file.
    'accept-encoding': 'identity',
  };
  const headersFor = (url: string) =>
    token !== undefined && new URL(url).origin === new URL(root).origin
      ? { ...common, authorization: `Bearer ${token}` }
      : common;

  async function get(url: string, asked: Asked, signal: AbortSignal, more = {}) {
    const headers = { ...headersFor(url), ...more };
    const answer = await ask(url, { headers, signal, stallMs });
    if (answer.response.ok) return answer;
    await answer.response.body?.cancel();
    throw refusal(answer.response, asked);
  }

  async function getJson<T extends z.ZodType>(
    url: string,
    schema: T,
    asked: Asked,
    signal: AbortSignal,
  ): Promise<{ data: z.output<T>; link: string | null }> {
    const { response, content } = await get(url, asked, signal);
    const notHub = (why: string) =>
      new DarkroomError(
        'configuration',
        `${url} did not answer as a hub does: ${why}; see that HF_ENDPOINT is a Hugging Face-compatible hub`,
      );
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of content()) {
      bytes += chunk.length;
      if (bytes > MAX_PAGE_BYTES) throw notHub(`it sent more than ${MAX_PAGE_BYTES} bytes`);
      chunks.push(chunk);
    }
    let json: unknown;
    try {
      json = JSON.parse(Buffer.concat(chunks).toString());
    } catch {
      throw notHub('it sent no JSON');
    }
    const { data, error } = schema.safeParse(json);
    if (error !== undefined) throw notHub(z.prettifyError(error));
    return { data, link: response.headers.get('link') };
  }

  async function list(asked: Asked, commit: string, signal: AbortSignal): Promise<HubFile[]> {
    const files: HubFile[] = [];
    let url: string | undefined =
      `${root}/api/models/${asked.repository}/tree/${commit}?recursive=true`;
    for (let page = 1; url !== undefined; page++) {
      const { data, link } = await getJson(url, treePage, asked, signal);
      files.push(...data);
      const next = nextPage(link);
      url = next === undefined ? undefined : new URL(next, url).href;
      if (url === undefined || page < MAX_PAGES) continue;
      throw new DarkroomError(
        'damaged',
        `${asked.repository} has no end of files; pull another model`,
      );
    }
    const unsafe = files.find(({ path }) => !staysWithin(path));
    if (unsafe === undefined) return files;
    throw new DarkroomError(
      'damaged',
      `${asked.repository} has a file ${JSON.stringify(unsafe.path)}, which would be written outside of its folder; ` +
        'nothing of it was taken: tell its owner, and pull another model',
    );
  }

  return {
    async findModel(repository, revision, signal) {
      const asked = { endpoint: root, repository, revision, hasToken: token !== undefined };
      const find = async (): Promise<HubModel> => {
        const info = `${root}/api/models/${repository}/revision/${encodeURIComponent(revision)}`;
        const commit = (await getJson(info, revisionInfo, asked, signal)).data.sha;
        const files = await list(asked, commit, signal);
        return {
          repository,
          revision,
          commit,
          files,
          async read(path, { offset, signal }) {
            const name = path.split('/').map(encodeURIComponent).join('/');
            const url = `${root}/${repository}/resolve/${commit}/${name}`;
            const range = offset === 0 ? {} : { range: `bytes=${offset}-` };
            const wanted = { ...asked, revision: commit, path };
            const { response, content } = await get(url, wanted, signal, range);
            return { offset: firstByte(response), content: content() };
          },
        };
      };
      let attempts = 0;
      const mayPass = (error: unknown) => {
        attempts += 1;
        const away = error instanceof DarkroomError && error.kind === 'unavailable';
        return away && attempts < ATTEMPTS && !signal.aborted;
      };
      return await retryWhile(mayPass, find, signal);
    },
  };
}

/** By `Content-Range: bytes FIRST-LAST/ALL`, which only an answer of 206 has. */
function firstByte(response: Response): number {
  if (response.status !== 206) return 0;
  return Number(
    /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN,
  );
}
