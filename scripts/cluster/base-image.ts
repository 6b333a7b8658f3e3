import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Docker } from './docker.ts';
import { type ImageRecipe, makeImage } from './offline/image-recipe.ts';
import { rootFilesystem } from './offline/root-filesystem.ts';
import type { Steps } from './steps.ts';

/** The Dockerfiles' default base: Node's own image, by tag. */
const nodeImage = `node:${process.versions.node}-bookworm-slim`;
const localBase = `darkroom/local-base:node-${process.versions.node}`;
const certificates = 'etc/ssl/certs/ca-certificates.crt';

/** `local`: made here, because nothing can be pulled. */
type BaseImage = { image: string; local: boolean };

type Tools = { docker: Docker; steps: Steps; signal?: AbortSignal };

/**
 * The image that those of the services are built on: the one in BASE_IMAGE, else Node's own where it can
 * be had, else one made here, which serves to try the services and is not for deployment.
 *
 * @param airgap pulls nothing
 * @throws CommandFailure when one has to be made and there is no debootstrap
 */
export async function baseImage({
  airgap,
  ...tools
}: Tools & { airgap: boolean }): Promise<BaseImage> {
  const { docker, steps, signal } = tools;
  const given = process.env.BASE_IMAGE ?? '';
  if (given !== '') return { image: given, local: false };
  if ((await docker.imageId(nodeImage)) !== '') return { image: nodeImage, local: false };
  if (!airgap) {
    try {
      await steps.step(`pulling ${nodeImage}`, () => docker.run(['pull', nodeImage], { signal }));
      return { image: nodeImage, local: false };
    } catch (error) {
      signal?.throwIfAborted();
      steps.say(`${nodeImage} cannot be pulled (${lastLine(error)})`);
    }
  }
  await makeImage(await localRecipe(tools), tools);
  steps.say(`the services are built on ${localBase}, made on this machine; not for deployment`);
  return { image: localBase, local: true };
}

function lastLine(error: unknown): string {
  return String(error).trim().split('\n').at(-1) ?? '';
}

/**
 * Debian, with the Node that runs this, npm, and this machine's certificate authorities, laid out as in
 * Node's own image.
 */
async function localRecipe(tools: Tools): Promise<ImageRecipe> {
  const npm = npmFolder();
  const { version }: { version: string } = JSON.parse(
    await readFile(join(npm, 'package.json'), 'utf8'),
  );
  return {
    name: localBase,
    dockerfile: [
      `# npm ${version}`,
      'FROM scratch',
      'ADD rootfs.tar /',
      `COPY certificates /${certificates}`,
      'COPY node /usr/local/bin/node',
      'COPY npm /usr/local/lib/node_modules/npm',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\',
      ` && mkdir -p /usr/local/etc && echo cafile=/${certificates} > /usr/local/etc/npmrc`,
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      'CMD ["node"]',
      '',
    ].join('\n'),
    files: {
      'rootfs.tar': await rootFilesystem('service', tools),
      certificates: `/${certificates}`,
      node: process.execPath,
      npm,
    },
  };
}

/** Where this machine's npm lies; npm names itself to what it runs. */
function npmFolder(): string {
  const program = process.env.npm_execpath;
  if (program === undefined) throw new Error('run this through `npm run`, so that npm is known');
  return join(program, '../..');
}
