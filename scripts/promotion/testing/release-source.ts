import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { buildRelease } from '../../release/build-release.ts';
import { signRelease } from '../../release/sign-release.ts';
import { createCheckout, digest } from '../../release/testing/checkout.ts';

/** Digests by the names that a release has for images. */
export type Images = Readonly<Record<string, string>>;

/** A repository of its own with what releases are made of, and a key that signs them. */
export type ReleaseSource = {
  /** The folder that releases are built into. */
  releases: string;
  /** The file of the public key. */
  publicKey: string;
  /** Commits another content of a file of platform/. */
  change(path: string, edit: (text: string) => string): Promise<void>;
  /** Takes the last commit back. */
  undo(): Promise<void>;
  /** @returns the release's name */
  build(images: Images): Promise<string>;
  sign(release: string): Promise<void>;
  remove(): void;
};

export async function createReleaseSource(): Promise<ReleaseSource> {
  const checkout = await createCheckout();
  const { root, folder, git } = checkout;
  const releases = join(root, 'published');
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const [publicKey, privateKey] = [join(root, 'cosign.pub'), join(root, 'cosign.key')];
  await writeFile(publicKey, keys.publicKey);
  await writeFile(privateKey, keys.privateKey);
  const sign = async (release: string) =>
    void (await signRelease(join(releases, release), { file: privateKey }));
  return {
    releases,
    publicKey,
    sign,
    change: async (path, edit) => {
      const file = join(folder, 'platform', path);
      await writeFile(file, edit(await readFile(file, 'utf8').catch(() => '')));
      await git('add', '--all');
      await git('commit', '--quiet', '--message', `Change ${path}`);
    },
    undo: async () => void (await git('revert', '--no-edit', 'HEAD')),
    build: async (images) => {
      const { lock } = await buildRelease(
        {
          ...checkout.parts,
          // Of images that no kind environment has.
          images: { 'docker.io/cloudnativelabs/kube-router': digest('6'), ...images },
        },
        releases,
      );
      await sign(lock.release);
      return lock.release;
    },
    remove: () => checkout.remove(),
  };
}

/** The digests of the images that `cluster up` put into a cluster's registry, by their names in releases. */
export async function imagesOf(clusterFolder: string): Promise<Images> {
  const file = join(clusterFolder, 'apps', 'kustomization.yaml');
  const { images } = parse(await readFile(file, 'utf8')) as {
    images: { name: string; digest: string }[];
  };
  return Object.fromEntries(
    images.map(({ name, digest: of }) => [name.replace('localhost:5001/', ''), of]),
  );
}
