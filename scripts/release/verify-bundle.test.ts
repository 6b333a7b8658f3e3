import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadTrust } from './trust.ts';
import { type Signed, verifyBundle } from './verify-bundle.ts';

const path = (name: string) =>
  fileURLToPath(new URL(`testing/fixtures/signed-by-identity/${name}`, import.meta.url));
const names: Signed = {
  file: 'signed.txt',
  bundleFile: 'signed.sigstore.json',
  signedAs: 'messageSignature',
};
const bundle = readFileSync(path('signed.sigstore.json'), 'utf8');
const { rawBytes } = JSON.parse(bundle).verificationMaterial.certificate;
const subject = new X509Certificate(Buffer.from(rawBytes, 'base64')).subjectAltName ?? '';
const trust = {
  certificateIdentity: subject.replace('email:', ''),
  certificateOidcIssuer: 'https://github.com/login/oauth',
  trustedRoot: path('trusted_root.json'),
};

const verify = async (changed: Partial<typeof trust> = {}, text = bundle, content?: Buffer) =>
  verifyBundle(
    text,
    content ?? readFileSync(path('signed.txt')),
    names,
    await loadTrust({ ...trust, ...changed }),
  );
/** The bundle with a change. */
const changed = (
  change: (material: {
    tlogEntries: object[];
    timestampVerificationData: { rfc3161Timestamps: object[] };
  }) => void,
) => {
  const copy = JSON.parse(bundle);
  change(copy.verificationMaterial);
  return JSON.stringify(copy);
};

describe('what was signed as somebody whom an identity provider knows', () => {
  test('is verified by the name, who vouches for it, and the trusted authorities', () => verify());

  test.each<[string, () => Promise<void>, RegExp]>([
    [
      'another name',
      () => verify({ certificateIdentity: 'somebody@example.com' }),
      /not signed by whom you trust: it was signed by .*, for whom https:\/\/github\.com/,
    ],
    [
      'a part of the name',
      () => verify({ certificateIdentity: trust.certificateIdentity.slice(0, -1) }),
      /not signed by whom you trust/,
    ],
    [
      'a pattern of the name',
      () => verify({ certificateIdentity: trust.certificateIdentity.replace('.', '?') }),
      /not signed by whom you trust/,
    ],
    [
      'the name vouched for by another',
      () => verify({ certificateOidcIssuer: 'https://accounts.google.com' }),
      /not signed by whom you trust/,
    ],
    [
      'other content',
      () => verify({}, bundle, Buffer.from('other')),
      /is the signature of another signed\.txt/,
    ],
    [
      'a signature that is in no transparency log',
      () =>
        verify(
          {},
          changed((material) => material.tlogEntries.splice(0)),
        ),
      /expected 1 tlog entries, got 0/,
    ],
    [
      'a signature without a time, when the certificate may have ended',
      () =>
        verify(
          {},
          changed((material) => material.timestampVerificationData.rfc3161Timestamps.splice(0)),
        ),
      /expected 1 timestamps, got 0/,
    ],
    [
      'authorities that are no file of them',
      () => verify({ trustedRoot: path('signed.txt') }),
      /signed\.txt is no trusted root of Sigstore .*; `cosign trusted-root create` makes one/,
    ],
  ])('is refused for %s', async (_, verified, message) => {
    await expect(verified()).rejects.toThrow(message);
  });

  test('is not verified with a key', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'darkroom-bundle-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const key = join(folder, 'cosign.pub');
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(key, publicKey.export({ type: 'spki', format: 'pem' }));
    const trusted = await loadTrust({ key });
    expect(() => verifyBundle(bundle, readFileSync(path('signed.txt')), names, trusted)).toThrow(
      /was signed with a certificate; verify it with --certificate-identity/,
    );
  });
});
