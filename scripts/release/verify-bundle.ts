import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type Bundle, bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity } from '@sigstore/verify';
import { CommandFailure } from '../commands/failure.ts';
import type { Trusted } from './trust.ts';

/** The media type of in-toto statements, as what they are signed. */
export const IN_TOTO = 'application/vnd.in-toto+json';

/** A signature of a file beside it, and the kind that is taken. */
export type Signed = {
  /** The names of the file and of the bundle, for who is told about them. */
  file: string;
  bundleFile: string;
  signedAs: Bundle['content']['$case'];
};

/**
 * Verifies that a Sigstore bundle is the signature of this content, made by who is trusted.
 *
 * @param text the bundle
 * @throws CommandFailure that says what is wrong and what to do
 */
export function verifyBundle(text: string, content: Buffer, names: Signed, trusted: Trusted): void {
  const { file, bundleFile } = names;
  const bundle = parseBundle(text, names);
  if (!isAbout(bundle, content)) {
    throw new CommandFailure(
      `${bundleFile} is the signature of another ${file}: one of them was replaced or edited; take the ` +
        'release anew from where it was published, or sign it after looking at what changed',
    );
  }
  checkKind(bundle, bundleFile, trusted);
  const objection = objectionTo(bundle, content, trusted);
  if (objection === undefined) return;
  throw new CommandFailure(
    trusted.byKey
      ? `${bundleFile} was not made with the key that is trusted: another key signed it, or it was edited; ` +
          'verify with the key of who publishes the release, and take no release that it did not sign'
      : `${bundleFile} is not signed by whom you trust: ${objection}; take no release that they did not sign`,
  );
}

function parseBundle(text: string, { file, bundleFile, signedAs }: Signed): Bundle {
  let bundle: Bundle;
  try {
    bundle = bundleFromJSON(JSON.parse(text));
  } catch (error) {
    throw new CommandFailure(
      `${bundleFile} is no Sigstore bundle (${(error as Error).message}); sign the release again`,
    );
  }
  // What a signature of another kind vouches for, it carries in itself: it says nothing of this file.
  if (bundle.content.$case === signedAs) return bundle;
  throw new CommandFailure(
    `${bundleFile} is a bundle of another kind than ${file} is signed with; sign the release again`,
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

function checkKind(bundle: Bundle, name: string, { byKey }: Trusted): void {
  const hasKey = bundle.verificationMaterial.content.$case === 'publicKey';
  if (hasKey === byKey) return;
  throw new CommandFailure(
    hasKey
      ? `${name} was signed with a key and has no certificate; verify it with --key`
      : `${name} was signed with a certificate; verify it with --certificate-identity, ` +
          '--certificate-oidc-issuer and --trusted-root',
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
