import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
  /** Commits another content of a file of platform/; one that is not there is empty. */
  change(path: string, edit: (text: string) => string): Promise<void>;
  /** Takes the last commit back. */
  undo(): Promise<void>;
  /**
   * @param models the folders of models beside the built-in one, by name
   * @returns the release's name
   */
  build(images: Images, models?: Readonly<Record<string, string>>): Promise<string>;
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
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, edit(await readFile(file, 'utf8').catch(() => '')));
      await git('add', '--all');
      await git('commit', '--quiet', '--message', `Change ${path}`);
    },
    undo: async () => void (await git('reset', '--quiet', '--hard', 'HEAD~1')),
    build: async (images, models = {}) => {
      const { lock } = await buildRelease(
        {
          ...checkout.parts,
          // Of images that no kind environment has.
          images: { 'docker.io/cloudnativelabs/kube-router': digest('6'), ...images },
          models: { ...checkout.parts.models, ...models },
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
