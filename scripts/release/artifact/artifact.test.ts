import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { exec } from '../../cluster/exec.ts';
import { sumsOf } from '../manifest-files.ts';
import { signRelease } from '../sign-release.ts';
import { type Checkout, createCheckout } from '../testing/checkout.ts';
import { serveRegistry } from '../testing/registry.ts';
import { packFolder, unpackInto } from './archive.ts';
import { createCrane } from './crane.ts';
import { pullRelease } from './pull-release.ts';
import { pushRelease } from './push-release.ts';

let checkout: Checkout;
/** A signed release. */
let release: string;

function writeKeys(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [file, publicFile] = [`${name}.key`, `${name}.pub`].map((each) =>
    join(checkout.root, each),
  );
  writeFileSync(file ?? '', privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(publicFile ?? '', publicKey.export({ type: 'spki', format: 'pem' }));
}

beforeAll(async () => {
  checkout = await createCheckout();
  release = (await checkout.build()).folder;
  writeKeys('cosign');
  await signRelease(release, { file: join(checkout.root, 'cosign.key') });
});
afterAll(() => checkout.remove());

const temporary = () => mkdtempSync(join(checkout.root, 'folder-'));
const serve = async (context: TestContext) => {
  const disk = temporary();
  return { disk, ...(await serveRegistry(disk, context)) };
};

describe('a release in a registry', () => {
  test('is pulled by its digest as it was pushed, byte by byte', async (context) => {
    const { address, crane } = await serve(context);
    const reference = await pushRelease(release, `${address}/team/releases`, crane);
    expect(reference).toMatch(/\/team\/releases@sha256:[0-9a-f]{64}$/);
    const into = temporary();
    const pulled = await pullRelease(reference, into, crane, {
      key: join(checkout.root, 'cosign.pub'),
    });
    expect(pulled.reference).toBe(reference);
    expect(pulled.folder).toBe(join(into, basename(release)));
    expect(await sumsOf(pulled.folder)).toEqual(await sumsOf(release));
    expect(readdirSync(into)).toEqual([basename(release)]);
    await expect(pullRelease(reference, into, crane)).rejects.toThrow('is there already');
  });

  test('has its name for a tag', async (context) => {
    const { address, crane } = await serve(context);
    const reference = await pushRelease(release, `${address}/releases`, crane);
    const tagged = `${address}/releases:${basename(release)}`;
    expect((await pullRelease(tagged, temporary(), crane)).reference).toBe(reference);
  });

  test('is an artifact of OCI, whose one layer others unpack, too', async (context) => {
    const { address, crane, program } = await serve(context);
    const reference = await pushRelease(release, `${address}/releases`, crane);
    expect(JSON.parse(await crane.manifest(reference))).toMatchObject({
      artifactType: 'application/vnd.darkroom.release.v1',
      config: { mediaType: 'application/vnd.oci.empty.v1+json' },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }],
      annotations: { 'org.opencontainers.image.version': basename(release) },
    });
    const unpacked = temporary();
    await exec(program, ['export', reference, join(unpacked, 'files.tar')]);
    await exec('tar', ['--extract', '--file', 'files.tar'], { cwd: unpacked });
    const { 'files.tar': _, ...files } = await sumsOf(unpacked);
    expect(files).toEqual(await sumsOf(release));
  });

  test('is not pulled after somebody tampered with its content', async (context) => {
    const { address, crane, disk } = await serve(context);
    const reference = await pushRelease(release, `${address}/releases`, crane);
    for (const blob of largeBlobs(disk)) {
      const content = readFileSync(blob);
      const at = content.indexOf('512Mi');
      expect(at).toBeGreaterThan(0);
      content.write('513Mi', at);
      writeFileSync(blob, content);
    }
    const into = temporary();
    await expect(pullRelease(reference, into, crane)).rejects.toThrow(/was not pulled .*sha256/);
    expect(readdirSync(into)).toEqual([]);
  });

  test('is not pulled where another key signed it', async (context) => {
    const { address, crane } = await serve(context);
    const reference = await pushRelease(release, `${address}/releases`, crane);
    writeKeys('other');
    const into = temporary();
    await expect(
      pullRelease(reference, into, crane, { key: join(checkout.root, 'other.pub') }),
    ).rejects.toThrow('another key signed it');
    expect(readdirSync(into)).toEqual([]);
  });

  test('is told from other images', async (context) => {
    const { address, crane, program } = await serve(context);
    const archive = join(temporary(), 'layer.tar.gz');
    writeFileSync(archive, await packFolder(release));
    const image = `${address}/image:1`;
    await exec(program, ['append', '--new_layer', archive, '--new_tag', image]);
    await expect(pullRelease(image, temporary(), crane)).rejects.toThrow(
      /image:1 is no release of Darkroom; `darkroom release push` puts one into a registry/,
    );
    await expect(pullRelease(`${address}/none:1`, temporary(), crane)).rejects.toThrow(
      /none:1 was not found .*; check the reference/,
    );
  });

  test.each([
    ['registry.example.com/releases', /does not say which release; add :TAG or @sha256/],
    ['releases:1', /names no place in a registry; give REGISTRY\/REPOSITORY/],
    ['registry.example.com/releases@sha256:12', /names no place in a registry/],
  ])('is not looked for at %s', async (source, message) => {
    const crane = createCrane('a-program-that-is-not-there');
    await expect(pullRelease(source, temporary(), crane)).rejects.toThrow(message);
  });
});

/** The paths of a registry's blobs but the empty configuration. */
const largeBlobs = (disk: string) =>
  readdirSync(join(disk, 'sha256'))
    .map((name) => join(disk, 'sha256', name))
    .filter((path) => readFileSync(path).length > 2);

describe('the archive of a release', () => {
  test('is the same of the same files, whoever has them since when', async () => {
    const copy = join(temporary(), 'copy');
    cpSync(release, copy, { recursive: true });
    utimesSync(join(copy, 'lock.json'), new Date(1e12), new Date(1e12));
    chmodSync(join(copy, 'lock.json'), 0o600);
    expect((await packFolder(copy)).equals(await packFolder(release))).toBe(true);
  });

  test.each([
    '../lock.json',
    'platform/../../lock.json',
    '/lock.json',
    'platform//a',
    'install.sh',
  ])('is refused with a file %s', async (name) => {
    const archive = pack();
    archive.entry({ name }, 'content');
    archive.finalize();
    const folder = join(temporary(), 'inner');
    mkdirSync(folder);
    const unpacked = unpackInto(folder, gzipSync(await buffer(archive)));
    await expect(unpacked).rejects.toThrow(
      `its archive has ${name} (file), which is of no release`,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is refused with a link', async () => {
    const archive = pack();
    archive.entry({ name: 'platform', type: 'symlink', linkname: '..' });
    archive.finalize();
    await expect(unpackInto(temporary(), gzipSync(await buffer(archive)))).rejects.toThrow(
      'platform (symlink)',
    );
  });
});
