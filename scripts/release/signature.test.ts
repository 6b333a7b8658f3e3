import { generateKeyPairSync } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandFailure } from '../commands/failure.ts';
import { sha256 } from './manifest-files.ts';
import { readRelease } from './read-release.ts';
import { signRelease } from './sign-release.ts';
import { verifySignature } from './signature.ts';
import { type Checkout, createCheckout } from './testing/checkout.ts';

let checkout: Checkout;
/** A release that was signed with `cosign.key`; tests work on copies. */
let original: string;
const file = (name: string) => join(checkout.root, name);

/** Writes a new pair of keys, as NAME.key and NAME.pub. */
function writeKeys(name: string, namedCurve = 'P-256', passphrase?: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  const encrypted = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  writeFileSync(
    file(`${name}.key`),
    privateKey.export({ type: 'pkcs8', format: 'pem', ...encrypted }),
  );
  writeFileSync(file(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
}

beforeAll(async () => {
  checkout = await createCheckout();
  writeKeys('cosign');
  original = (await checkout.build()).folder;
  await signRelease(original, { file: file('cosign.key') });
});
afterAll(() => checkout.remove());

let copies = 0;
function copy(): string {
  const folder = join(checkout.root, `copy-${++copies}`, basename(original));
  cpSync(original, folder, { recursive: true });
  return folder;
}
const json = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const edit = (path: string, change: (text: string) => string) =>
  writeFileSync(path, change(readFileSync(path, 'utf8')));

describe('a release that was signed', () => {
  test('is verified with the public key, and is still what its lock says', async () => {
    await verifySignature(original, { key: file('cosign.pub') });
    await readRelease(original);
  });

  test('has a Sigstore bundle over the lock, whose digest the bundle tells', () => {
    const bundle = json(original, 'lock.sigstore.json');
    expect(bundle.mediaType).toBe('application/vnd.dev.sigstore.bundle.v0.3+json');
    const { algorithm, digest } = bundle.messageSignature.messageDigest;
    expect(algorithm).toBe('SHA2_256');
    expect(`sha256:${Buffer.from(digest, 'base64').toString('hex')}`).toBe(
      sha256(readFileSync(join(original, 'lock.json'))),
    );
  });

  test('has signed provenance, whose subject is the lock', () => {
    const { dsseEnvelope } = json(original, 'provenance.sigstore.json');
    expect(dsseEnvelope.payloadType).toBe('application/vnd.in-toto+json');
    const statement = JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString());
    expect(statement.subject).toEqual([
      {
        name: 'lock.json',
        digest: { sha256: sha256(readFileSync(join(original, 'lock.json'))).slice(7) },
      },
    ]);
    // cosign passes over an envelope whose signature names a key otherwise than cosign does.
    expect(dsseEnvelope.signatures).toEqual([{ sig: expect.any(String) }]);
  });

  test('may be signed with an encrypted key, and anew with another one', async () => {
    const folder = copy();
    writeKeys('encrypted', 'P-256', 'passphrase');
    await signRelease(folder, { file: file('encrypted.key'), passphrase: 'passphrase' });
    await verifySignature(folder, { key: file('encrypted.pub') });
    await expect(verifySignature(folder, { key: file('cosign.pub') })).rejects.toThrow(
      'another key signed it',
    );
  });
});

describe('a signature is refused', () => {
  const refused = async (change: (folder: string) => void, message: RegExp, key = 'cosign.pub') => {
    const folder = copy();
    change(folder);
    const verified = verifySignature(folder, { key: file(key) });
    await expect(verified).rejects.toThrow(message);
    await expect(verified).rejects.toBeInstanceOf(CommandFailure);
  };
  const inside = (name: string, change: (text: string) => string) => (folder: string) =>
    edit(join(folder, name), change);

  test.each<[string, (folder: string) => void, RegExp]>([
    [
      'of a lock that was edited afterwards',
      inside('lock.json', (text) => text.replace('"passed": 7', '"passed": 8')),
      /lock\.sigstore\.json is the signature of another lock\.json/,
    ],
    [
      'of provenance that was edited afterwards',
      inside('provenance.json', (text) => text.replace('darkroom/worker', 'darkroom/wrker')),
      /provenance\.sigstore\.json is the signature of another provenance\.json/,
    ],
    [
      'that is missing',
      (folder) => rmSync(join(folder, 'lock.sigstore.json')),
      /is not signed: it has no lock\.sigstore\.json; .*darkroom release sign/,
    ],
    [
      'that is missing for the provenance',
      (folder) => rmSync(join(folder, 'provenance.sigstore.json')),
      /is not signed: it has no provenance\.sigstore\.json/,
    ],
    [
      'that is no bundle',
      inside('lock.sigstore.json', () => '{}'),
      /is no Sigstore bundle .*; sign the release again/,
    ],
    [
      'that vouches for something of its own, and not for the lock',
      (folder) =>
        cpSync(join(folder, 'provenance.sigstore.json'), join(folder, 'lock.sigstore.json')),
      /lock\.sigstore\.json is a bundle of another kind/,
    ],
    [
      'whose bundle names the digest of an edited lock',
      (folder) => {
        inside('lock.json', (text) => text.replace('"passed": 7', '"passed": 8'))(folder);
        const digest = sha256(readFileSync(join(folder, 'lock.json'))).slice('sha256:'.length);
        const bundle = json(folder, 'lock.sigstore.json');
        const told = Buffer.from(digest, 'hex').toString('base64');
        bundle.messageSignature.messageDigest.digest = told;
        writeFileSync(join(folder, 'lock.sigstore.json'), JSON.stringify(bundle));
      },
      /was not made with the key that is trusted: another key signed it, or it was edited/,
    ],
    [
      'of a folder without a lock',
      (folder) => rmSync(join(folder, 'lock.json')),
      /is no release: it has no lock\.json/,
    ],
  ])('%s', (_, change, message) => refused(change, message));

  test('of another key', () => {
    writeKeys('other');
    return refused(() => {}, /another key signed it/, 'other.pub');
  });

  test.each<[string, () => void, RegExp]>([
    ['that is not there', () => {}, /the key .*given\.pub cannot be read/],
    [
      'that is no key',
      () => writeFileSync(file('given.pub'), 'a key'),
      /is no public key in PEM that can be read/,
    ],
    [
      'that is the private one',
      () => cpSync(file('cosign.key'), file('given.pub')),
      /is a private key, which belongs to who signs/,
    ],
    [
      'of another kind',
      () => writeKeys('given', 'P-384'),
      /is no key of ECDSA on P-256; make one with openssl/,
    ],
  ])('where a key is given %s', (_, write, message) => {
    rmSync(file('given.pub'), { force: true });
    write();
    return refused(() => {}, message, 'given.pub');
  });

  test('where an identity is trusted, and a key signed', async () => {
    writeFileSync(
      file('root.json'),
      '{ "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1" }',
    );
    await expect(
      verifySignature(original, {
        certificateIdentity: 'release@example.com',
        certificateOidcIssuer: 'https://accounts.example.com',
        trustedRoot: file('root.json'),
      }),
    ).rejects.toThrow(/was signed with a key and has no certificate; verify it with --key/);
  });
});

describe('nothing is signed', () => {
  test('that is not what its lock says', async () => {
    const folder = copy();
    rmSync(join(folder, 'sbom.cdx.json'));
    await expect(signRelease(folder, { file: file('cosign.key') })).rejects.toThrow(
      'sbom.cdx.json is missing',
    );
  });

  test.each<[string, () => void, string | undefined, RegExp]>([
    [
      'an encrypted key without its passphrase',
      () => writeKeys('given', 'P-256', 'passphrase'),
      undefined,
      /is encrypted; give its passphrase in COSIGN_PASSWORD/,
    ],
    [
      'another passphrase',
      () => writeKeys('given', 'P-256', 'passphrase'),
      'other',
      /COSIGN_PASSWORD is not its passphrase/,
    ],
    [
      "a key in cosign's own format",
      () =>
        writeFileSync(
          file('given.key'),
          `-----BEGIN ${'ENCRYPTED SIGSTORE'} PRIVATE KEY-----\n-----END`,
        ),
      'passphrase',
      /is in cosign's own format, which only cosign reads: sign with cosign/,
    ],
    ['a key of another kind', () => writeKeys('given', 'P-384'), undefined, /ECDSA on P-256/],
  ])('with %s', async (_, write, passphrase, message) => {
    write();
    const signing = signRelease(copy(), { file: file('given.key'), passphrase });
    await expect(signing).rejects.toThrow(message);
  });
});
