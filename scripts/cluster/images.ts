import { join } from 'node:path';
import { baseImage } from './base-image.ts';
import type { Docker } from './docker.ts';
import type { ImageBinding } from './manifests.ts';
import { REGISTRY } from './names.ts';
import { buildProgram } from './offline/build-program.ts';
import { cacheFolder } from './offline/cache.ts';
import { makeImage, USERLAND } from './offline/image-recipe.ts';
import { makeMirroredImages } from './offline/mirrored-images.ts';
import { offlineNodeImage } from './offline/node-image.ts';
import { buildOwnImages } from './own-images.ts';
import type { Registry, RegistryImage } from './registry.ts';
import type { Steps } from './steps.ts';

/** kind 0.33.0's image of this Kubernetes, by digest (https://github.com/kubernetes-sigs/kind/releases). */
const NODE_IMAGE =
  'kindest/node:v1.35.8@sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0';

/** The CNCF's registry, by the digest that public projects pin its tag to. */
const REGISTRY_IMAGE =
  'docker.io/library/registry:3.0.0@sha256:6c5666b861f3505b116bb9aa9b25175e71210414bd010d92035ff64018f9457e';

/** The registries whose images are made here when they cannot be pulled. */
export const mirroredRegistries = ['docker.io', 'ghcr.io', 'registry.k8s.io', 'nvcr.io', 'quay.io'];

/** Where everything that a cluster runs comes from. */
export type ImageSource = {
  /** Nothing is pulled: images are made of Debian's packages and Go modules. */
  airgap: boolean;
  nodeImage(): Promise<string>;
  registryImage(): Promise<RegistryImage>;
  /**
   * Puts what the manifests name into the registry, as far as it is not pulled from elsewhere.
   *
   * @returns what it bound, and the image that those of the services were built on
   */
  fill(registry: Registry): Promise<{ images: ImageBinding[]; baseImage: string }>;
};

type Options = {
  docker: Docker;
  steps: Steps;
  airgap: boolean;
  /** Another node image than the pinned one. */
  nodeImage?: string | undefined;
  signal?: AbortSignal | undefined;
};

export function createImageSource(options: Options): ImageSource {
  const { docker, steps, airgap, signal } = options;
  const tools = { docker, steps, ...(signal && { signal }) };
  return {
    airgap,
    nodeImage: async () =>
      options.nodeImage ?? (airgap ? await offlineNodeImage(tools) : NODE_IMAGE),
    registryImage: async () =>
      airgap
        ? // Compressing the layers takes minutes, so they are kept for the next cluster.
          {
            name: await offlineRegistryImage(tools),
            blobs: { folder: join(cacheFolder, 'registry'), inside: '/data' },
          }
        : { name: REGISTRY_IMAGE },
    fill: async (registry) => {
      const { image: base } = await baseImage({ ...tools, airgap });
      const own = await buildOwnImages({ ...tools, base });
      const images: ImageBinding[] = [];
      for (const [name, tag] of Object.entries(own)) {
        const digest = await steps.step(`pushing ${name}`, () => registry.push(tag, name));
        images.push({ name: `${REGISTRY}/${name}`, digest });
      }
      if (!airgap) return { images, baseImage: base };
      for (const image of await makeMirroredImages(tools)) {
        const [name = '', ...path] = nameOf(image).split('/');
        const digest = await steps.step(`pushing ${image}`, () =>
          registry.push(image, `${path.join('/')}:${image.split(':').at(-1)}`),
        );
        images.push({ name: [name, ...path].join('/'), digest });
      }
      return { images, baseImage: base };
    },
  };
}

const nameOf = (image: string) => image.slice(0, image.lastIndexOf(':'));

/** go-containerregistry's server, with its content on disk. */
async function offlineRegistryImage(tools: Parameters<typeof makeImage>[1]): Promise<string> {
  const name = 'darkroom/registry:v0.22.1';
  const dockerfile = [
    `FROM ${USERLAND}`,
    'COPY crane /crane',
    'VOLUME /data',
    'ENTRYPOINT ["/crane", "registry", "serve", "--address", ":5000", "--disk", "/data"]',
    '',
  ].join('\n');
  await makeImage(
    { name, dockerfile, files: { crane: await buildProgram('crane', tools) } },
    tools,
  );
  return name;
}

/** Whether images can be pulled: the registries that the manifests name answer. */
export async function registriesAnswer(): Promise<boolean> {
  const hosts = ['registry-1.docker.io', 'ghcr.io', 'registry.k8s.io'];
  const answers = await Promise.all(
    hosts.map((host) =>
      fetch(`https://${host}/v2/`, { signal: AbortSignal.timeout(5_000) }).then(
        // A registry asks who calls, or says that it is one.
        ({ status }) => status === 200 || status === 401,
        () => false,
      ),
    ),
  );
  return answers.every((answer) => answer);
}
