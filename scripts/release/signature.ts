import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bundle, bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity } from '@sigstore/verify';
import { CommandFailure } from '../commands/failure.ts';
import { LOCK_FILE, PROVENANCE_FILE, PROVENANCE_SIGNATURE_FILE, SIGNATURE_FILE } from './lock.ts';
import { loadTrust, type Trust, type Trusted } from './trust.ts';

export type { Trust };

/** The media type of in-toto statements, as what they are signed. */
export const IN_TOTO = 'application/vnd.in-toto+json';

/** Something of a release that is signed, where its signature lies, and what kind of signature it is. */
type Signed = { file: string; bundleFile: string; signedAs: Bundle['content']['$case'] };

const signed: readonly Signed[] = [
  { file: LOCK_FILE, bundleFile: SIGNATURE_FILE, signedAs: 'messageSignature' },
  { file: PROVENANCE_FILE, bundleFile: PROVENANCE_SIGNATURE_FILE, signedAs: 'dsseEnvelope' },
];

/**
 * Verifies that the lock of a release, and its provenance, were signed by who is trusted. That the files are
 * what the lock says, `readRelease` compares.
 *
 * @throws CommandFailure that says what is wrong and what to do
 */
export async function verifySignature(folder: string, trust: Trust): Promise<void> {
  const trusted = await loadTrust(trust);
  for (const each of signed) await verify(folder, each, trusted);
}

async function verify(folder: string, each: Signed, trusted: Trusted): Promise<void> {
  const content = await readFile(join(folder, each.file)).catch(() => {
    throw new CommandFailure(`${folder} is no signed release: it has no ${each.file}`);
  });
  const bundle = await readBundle(folder, each);
  const name = join(folder, each.bundleFile);
  if (!isAbout(bundle, content)) {
    throw new CommandFailure(
      `${name} is the signature of another ${each.file}: one of them was replaced or edited; take the ` +
        'release anew from where it was published, or sign it after looking at what changed',
    );
  }
  checkSigner(bundle, name, trusted);
  const objection = objectionTo(bundle, content, trusted);
  if (objection === undefined) return;
  throw new CommandFailure(
    trusted.byKey
      ? `${name} was not made with the key that is trusted: another key signed it, or it was edited; ` +
          'verify with the key of who publishes the release, and take no release that it did not sign'
      : `${name} is not signed by whom you trust: ${objection}; take no release that they did not sign`,
  );
}

/** Why a signature is not that of who is trusted; nothing where it is. */
function objectionTo(bundle: Bundle, content: Buffer, trusted: Trusted): string | undefined {
  try {
    const entity = toSignedEntity(bundle, content);
    const signer = trusted.verifier.verify(
      // A log that a key's signature was put into is of no matter to who trusts the key.
      trusted.byKey ? { ...entity, tlogEntries: [], timestamps: [] } : entity,
    );
    return trusted.objection(signer);
  } catch (error) {
    return (error as Error).message;
  }
}

async function readBundle(folder: string, { file, bundleFile, signedAs }: Signed): Promise<Bundle> {
  const text = await readFile(join(folder, bundleFile), 'utf8').catch(() => {
    throw new CommandFailure(
      `${folder} is not signed: it has no ${bundleFile}; who publishes it signs it with ` +
        '`darkroom release sign`',
    );
  });
  let bundle: Bundle;
  try {
    bundle = bundleFromJSON(JSON.parse(text));
  } catch (error) {
    throw new CommandFailure(
      `${join(folder, bundleFile)} is no Sigstore bundle (${(error as Error).message}); sign the release again`,
    );
  }
  // What a signature of another kind vouches for, it carries in itself: it says nothing of this file.
  if (bundle.content.$case === signedAs) return bundle;
  throw new CommandFailure(
    `${join(folder, bundleFile)} is a bundle of another kind than ${file} is signed with; sign the release again`,
  );
}

/** Whether a bundle says of itself that it is about this content. */
function isAbout({ content }: Bundle, file: Buffer): boolean {
  if (content.$case === 'messageSignature') {
    const { digest } = content.messageSignature.messageDigest;
    return digest.equals(createHash('sha256').update(file).digest());
  }
  const { payloadType, payload } = content.dsseEnvelope;
  return payloadType === IN_TOTO && payload.equals(file);
}

function checkSigner(bundle: Bundle, name: string, { byKey }: Trusted): void {
  const hasKey = bundle.verificationMaterial.content.$case === 'publicKey';
  if (hasKey === byKey) return;
  throw new CommandFailure(
    hasKey
      ? `${name} was signed with a key and has no certificate; verify it with --key`
      : `${name} was signed with a certificate; verify it with --certificate-identity, ` +
          '--certificate-oidc-issuer and --trusted-root',
  );
}
