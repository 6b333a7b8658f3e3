import { shareConnections } from '@darkroom/kubernetes';
import { sleep } from '@darkroom/timing';
import {
  HttpMethod,
  IsomorphicFetchHttpLibrary,
  KubeConfig,
  RequestContext,
} from '@kubernetes/client-node';
import { CommandFailure } from '../commands/command-failure.ts';
import type { Manifest } from '../render/manifest.ts';
import { ApiError, explained, isPassing, statusOf, wordsOf } from './api-error.ts';
import type { MergePatch } from './merge-patch.ts';

/** By what an object is named. */
export type Reference = Pick<Manifest, 'apiVersion' | 'kind'> & {
  metadata: { name: string; namespace?: string };
};

/** As whose fields a release is applied; also what `darkroom cluster up` applies as. */
export const FIELD_MANAGER = 'darkroom';

/**
 * One cluster's API, spoken as plain JSON: the client's typed calls lose the fields of an object that its
 * types do not know, and all of those that begin with `x-kubernetes-`.
 */
export type KubeApi = {
  /** kubectl's name of the cluster. */
  context: string;
  /** For what has a client of its own: port-forwarding. */
  config: KubeConfig;
  /** @throws ApiError for every answer but 2xx, CommandFailure where none comes for long */
  request<T>(method: HttpMethod, path: string, options?: RequestOptions): Promise<T>;
  /** Undefined where there is none, or no such kind. */
  get<T extends Manifest = Manifest>(object: Reference): Promise<T | undefined>;
  /**
   * Applies an object on the server's side, and gives what it is then.
   *
   * @param force takes fields over that others own; without it they are a conflict (ApiError 409)
   * @param dryRun changes nothing
   */
  apply(object: Manifest, options?: { force?: boolean; dryRun?: boolean }): Promise<Manifest>;
  /** Merges a patch (RFC 7396) into an object. */
  merge(object: Reference, patch: MergePatch): Promise<Manifest>;
  create(object: Manifest): Promise<Manifest>;
  /** As it was read: refused with 409 where somebody else has changed it since. */
  replace(object: Manifest): Promise<Manifest>;
  /** Also where there is none. Its dependents go after it. */
  remove(object: Reference): Promise<void>;
  list<T extends Manifest = Manifest>(
    kind: { apiVersion: string; kind: string; namespace?: string },
    query?: Record<string, string>,
  ): Promise<T[]>;
  /** The kind's name in paths and rights (`deployments`); undefined where the cluster does not serve it. */
  resource(kind: { apiVersion: string; kind: string }): Promise<string | undefined>;
  /** What a container has written. */
  log(of: { namespace: string; name: string; container: string }): Promise<string>;
  /** The cluster's own time, in milliseconds since 1970. */
  time(): Promise<number>;
};

export type RequestOptions = {
  query?: Record<string, string>;
  body?: unknown;
  contentType?: string;
  /** The answer is text. */
  text?: boolean;
};

/** A look at a cluster that takes longer has failed. */
const REQUEST_MS = 30_000;
const TRY_AGAIN_MS = 500;

type Resource = { name: string; kind: string; namespaced: boolean };

/**
 * Opens a cluster's API.
 *
 * @param options.patienceMs for how long an API server that does not answer is asked again
 * @throws CommandFailure where kubectl's configuration cannot be read, or has no such context
 */
export function openKubeApi(
  context: string,
  options: { patienceMs?: number; signal?: AbortSignal } = {},
): KubeApi {
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (error) {
    throw new CommandFailure(
      `kubectl's configuration cannot be read: ${(error as Error).message}; see the files that KUBECONFIG names`,
    );
  }
  if (config.getContextObject(context) === null) {
    const known = config.getContexts().map(({ name }) => name);
    throw new CommandFailure(
      `kubectl's configuration has no context ${context}; it has ${known.join(', ') || 'none'}: ` +
        "add the cluster's (KUBECONFIG may name several files), or correct cluster.context in target.yaml",
    );
  }
  config.setCurrentContext(context);
  return openConfigured(config, context, options);
}

/**
 * Opens the API that a configuration leads to: for a pod, which has a service account instead of a context.
 *
 * @param context what messages call the cluster
 */
export function openConfigured(
  config: KubeConfig,
  context: string,
  { patienceMs = 10_000, signal }: { patienceMs?: number; signal?: AbortSignal } = {},
): KubeApi {
  const server = config.getCurrentCluster()?.server ?? '';
  const http = new IsomorphicFetchHttpLibrary();
  const resources = new Map<string, Promise<Resource[]>>();
  let lastDate: string | undefined;
  const renewConnections = shareConnections(config);

  async function once<T>(method: HttpMethod, path: string, options: RequestOptions): Promise<T> {
    const { query = {}, body, contentType = 'application/json', text = false } = options;
    const url = new URL(`${server.replace(/\/$/, '')}${path}`);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    const request = new RequestContext(url.href, method);
    request.setHeaderParam('Accept', text ? '*/*' : 'application/json');
    request.setHeaderParam('User-Agent', 'darkroom-promote');
    if (body !== undefined) {
      request.setHeaderParam('Content-Type', contentType);
      request.setBody(JSON.stringify(body));
    }
    const limit = AbortSignal.timeout(REQUEST_MS);
    request.setSignal(signal === undefined ? limit : AbortSignal.any([signal, limit]));
    await config.applySecurityAuthentication(request);
    const answer = await http.send(request).toPromise();
    const content = await answer.body.text();
    lastDate = answer.headers['date'];
    if (answer.httpStatusCode >= 200 && answer.httpStatusCode < 300) {
      return (text ? content : JSON.parse(content)) as T;
    }
    throw new ApiError(answer.httpStatusCode, statusOf(content));
  }

  async function request<T>(
    method: HttpMethod,
    path: string,
    options: RequestOptions = {},
  ): Promise<T> {
    const giveUpAt = performance.now() + patienceMs;
    let hasRenewed = false;
    for (;;) {
      try {
        return await once<T>(method, path, options);
      } catch (error) {
        signal?.throwIfAborted();
        // They may lead to a server that is gone, or bear a certificate that has ended since.
        if (!(error instanceof ApiError) || error.status === 401) {
          renewConnections();
          if (!hasRenewed) {
            hasRenewed = true;
            continue;
          }
        }
        if (error instanceof ApiError && !isPassing(error)) throw explained(error, context);
        if (performance.now() > giveUpAt) {
          if (error instanceof ApiError) throw error;
          throw new CommandFailure(
            `the API server of ${context} (${server}) does not answer: ${wordsOf(error)}; see that the ` +
              'cluster runs and that this machine reaches it',
          );
        }
        await sleep(TRY_AGAIN_MS, signal);
      }
    }
  }

  const groupPath = (apiVersion: string) =>
    apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

  const resourcesOf = (apiVersion: string): Promise<Resource[]> => {
    const known = resources.get(apiVersion);
    if (known !== undefined) return known;
    const asked = request<{ resources: Resource[] }>(HttpMethod.GET, groupPath(apiVersion)).then(
      (answer) => answer.resources.filter(({ name }) => !name.includes('/')),
      (error) => {
        if (error instanceof ApiError && error.status === 404) return [];
        throw error;
      },
    );
    resources.set(apiVersion, asked);
    asked.catch(() => resources.delete(apiVersion));
    return asked;
  };

  async function resourceOf(kind: { apiVersion: string; kind: string }) {
    const find = async () =>
      (await resourcesOf(kind.apiVersion)).find((resource) => resource.kind === kind.kind);
    const found = await find();
    if (found !== undefined) return found;
    // Defined since, maybe by us.
    resources.delete(kind.apiVersion);
    return find();
  }

  async function pathOf(object: Reference): Promise<string | undefined> {
    const collection = await collectionOf({
      apiVersion: object.apiVersion,
      kind: object.kind,
      ...(object.metadata.namespace !== undefined && { namespace: object.metadata.namespace }),
    });
    return collection && `${collection}/${encodeURIComponent(object.metadata.name)}`;
  }

  async function collectionOf(kind: { apiVersion: string; kind: string; namespace?: string }) {
    const resource = await resourceOf(kind);
    if (resource === undefined) return undefined;
    const inNamespace =
      resource.namespaced && kind.namespace !== undefined ? `/namespaces/${kind.namespace}` : '';
    return `${groupPath(kind.apiVersion)}${inNamespace}/${resource.name}`;
  }

  async function demand(object: Reference): Promise<string> {
    const path = await pathOf(object);
    if (path !== undefined) return path;
    throw new CommandFailure(
      `${context} serves no ${object.kind} of ${object.apiVersion}: install its operator, or its CustomResourceDefinition`,
    );
  }

  const orNothing = async <T>(asked: Promise<T>): Promise<T | undefined> => {
    try {
      return await asked;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  };

  return {
    context,
    config,
    request,
    get: async <T extends Manifest>(object: Reference) => {
      const path = await pathOf(object);
      return path === undefined ? undefined : orNothing(request<T>(HttpMethod.GET, path));
    },
    apply: async (object, { force = false, dryRun = false } = {}) =>
      request(HttpMethod.PATCH, await demand(object), {
        body: object,
        contentType: 'application/apply-patch+yaml',
        query: {
          fieldManager: FIELD_MANAGER,
          force: String(force),
          ...(dryRun && { dryRun: 'All' }),
        },
      }),
    merge: async (object, patch) =>
      request(HttpMethod.PATCH, await demand(object), {
        body: patch,
        contentType: 'application/merge-patch+json',
        query: { fieldManager: FIELD_MANAGER },
      }),
    create: async (object) => {
      const collection = (await demand(object)).split('/').slice(0, -1).join('/');
      const query = { fieldManager: FIELD_MANAGER };
      return request(HttpMethod.POST, collection, { body: object, query });
    },
    replace: async (object) => {
      const query = { fieldManager: FIELD_MANAGER };
      return request(HttpMethod.PUT, await demand(object), { body: object, query });
    },
    remove: async (object) => {
      const path = await pathOf(object);
      if (path === undefined) return;
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' };
      await orNothing(request(HttpMethod.DELETE, path, { body }));
    },
    list: async <T extends Manifest>(
      kind: { apiVersion: string; kind: string; namespace?: string },
      query: Record<string, string> = {},
    ) => {
      const path = await collectionOf(kind);
      if (path === undefined) return [];
      const { items } = await request<{ items: T[] }>(HttpMethod.GET, path, { query });
      // A list does not repeat what its items are.
      return items.map((item) => ({ ...item, apiVersion: kind.apiVersion, kind: kind.kind }));
    },
    resource: async (kind) => (await resourceOf(kind))?.name,
    log: ({ namespace, name, container }) =>
      request(HttpMethod.GET, `/api/v1/namespaces/${namespace}/pods/${name}/log`, {
        query: { container },
        text: true,
      }),
    time: async () => {
      await request(HttpMethod.GET, '/version');
      return Date.parse(lastDate ?? '');
    },
  };
}
