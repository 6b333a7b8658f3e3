import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { docker, hasImage, show } from './docker.ts';

/** The Dockerfiles' default base: Node's own image, by tag. */
const nodeImage = `node:${process.versions.node}-bookworm-slim`;
const localBase = `darkroom/local-base:node-${process.versions.node}`;

/** `local`: made here, because the engine cannot pull. */
type BaseImage = { image: string; local: boolean };

/**
 * The image to build on: `BASE_IMAGE` if set, else Node's own where it can be had, else one made
 * here, which serves to try the images and is not for deployment.
 */
export function baseImage(): BaseImage {
  const given = process.env.BASE_IMAGE;
  if (given !== undefined && given !== '') return { image: given, local: false };
  if (hasImage(nodeImage)) return { image: nodeImage, local: false };
  if (!hasImage(localBase)) {
    try {
      docker('pull', nodeImage);
      return { image: nodeImage, local: false };
    } catch (error) {
      console.error(`containers: ${nodeImage} cannot be pulled (${lastLine(error)})`);
    }
    makeLocalBase();
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
function makeLocalBase(): void {
  console.error(`containers: making ${localBase} with debootstrap (a minute or two) …`);
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-base-'));
  const tree = join(folder, 'tree');
  try {
    show('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'bookworm', tree]);
    for (const path of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man']) {
      rmSync(join(tree, path), { recursive: true, force: true });
      mkdirSync(join(tree, path), { recursive: true });
    }
    const bundle = 'etc/ssl/certs/ca-certificates.crt';
    cpSync(`/${bundle}`, join(tree, bundle), { dereference: true });
    const local = join(tree, 'usr/local');
    cpSync(process.execPath, join(local, 'bin/node'), { dereference: true });
    cpSync(npmFolder(), join(local, 'lib/node_modules/npm'), { recursive: true });
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
    mkdirSync(join(local, 'etc'), { recursive: true });
    writeFileSync(join(local, 'etc/npmrc'), `cafile=/${bundle}\n`);
    const archive = join(folder, 'tree.tar');
    show('tar', ['--create', '--file', archive, '--directory', tree, '.']);
    docker(
      ...['import', '--change', 'ENV PATH=/usr/local/bin:/usr/bin:/bin'],
      ...['--change', 'CMD ["node"]', archive, localBase],
    );
  } catch (error) {
    throw new Error(
      'no base image could be made: name one with Node 24 and npm in BASE_IMAGE, or install ' +
        'debootstrap (apt-get install debootstrap) and run this as root',
      { cause: error },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where this machine's npm lies; npm names itself to what it runs. */
function npmFolder(): string {
  const program = process.env.npm_execpath;
  if (program === undefined) throw new Error('run this through `npm run`, so that npm is known');
  return join(program, '../..');
}
