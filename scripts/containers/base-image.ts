import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Docker } from '../cluster/docker.ts';
import { exec } from '../cluster/exec.ts';

/** The Dockerfiles' default base: Node's own image, by tag. */
const nodeImage = `node:${process.versions.node}-bookworm-slim`;
const localBase = `darkroom/local-base:node-${process.versions.node}`;

/** `local`: made here, because the engine cannot pull. */
type BaseImage = { image: string; local: boolean };

/**
 * The image to build on: `given` if any, else Node's own where it can be had, else one made here,
 * which serves to try the images and is not for deployment.
 */
export async function baseImage(docker: Docker, given = ''): Promise<BaseImage> {
  if (given !== '') return { image: given, local: false };
  if ((await docker.imageId(nodeImage)) !== '') return { image: nodeImage, local: false };
  if ((await docker.imageId(localBase)) === '') {
    try {
      await docker.run(['pull', nodeImage]);
      return { image: nodeImage, local: false };
    } catch (error) {
      console.error(`containers: ${nodeImage} cannot be pulled (${lastLine(error)})`);
    }
    await makeLocalBase(docker);
  }
  console.error(`containers: building on ${localBase}, made on this machine; not for deployment`);
  return { image: localBase, local: true };
}

function lastLine(error: unknown): string {
  return String(error).trim().split('\n').at(-1) ?? '';
}

/**
 * Debian by debootstrap, with the Node that runs this, npm, and this machine's certificate
 * authorities, laid out as in Node's own image.
 */
async function makeLocalBase(docker: Docker): Promise<void> {
  console.error(`containers: making ${localBase} with debootstrap (a minute or two) …`);
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-base-'));
  const tree = join(folder, 'tree');
  try {
    await exec('debootstrap', [
      ...['--variant=minbase', '--include=ca-certificates', 'bookworm', tree],
    ]);
    for (const path of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man']) {
      await rm(join(tree, path), { recursive: true, force: true });
      await mkdir(join(tree, path), { recursive: true });
    }
    const bundle = 'etc/ssl/certs/ca-certificates.crt';
    await cp(`/${bundle}`, join(tree, bundle), { dereference: true });
    const local = join(tree, 'usr/local');
    await cp(process.execPath, join(local, 'bin/node'), { dereference: true });
    await cp(npmFolder(), join(local, 'lib/node_modules/npm'), { recursive: true });
    await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
    await mkdir(join(local, 'etc'), { recursive: true });
    await writeFile(join(local, 'etc/npmrc'), `cafile=/${bundle}\n`);
    const archive = join(folder, 'tree.tar');
    await exec('tar', ['--create', '--file', archive, '--directory', tree, '.']);
    await docker.run([
      ...['import', '--change', 'ENV PATH=/usr/local/bin:/usr/bin:/bin'],
      ...['--change', 'CMD ["node"]', archive, localBase],
    ]);
  } catch (error) {
    throw new Error(
      'no base image could be made: name one with Node 24 and npm in BASE_IMAGE, or install ' +
        'debootstrap (apt-get install debootstrap) and run this as root',
      { cause: error },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Where this machine's npm lies; npm names itself to what it runs. */
function npmFolder(): string {
  const program = process.env.npm_execpath;
  if (program === undefined) throw new Error('run this through `npm run`, so that npm is known');
  return join(program, '../..');
}
