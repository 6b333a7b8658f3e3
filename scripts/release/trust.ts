import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { type Signer, toTrustMaterial, Verifier } from '@sigstore/verify';
import { CommandFailure } from '../commands/failure.ts';
import { readPublicKey } from './signing-key.ts';

/** Whose signature is taken: that of a key, or that of somebody whom an identity provider knows. */
export type Trust = KeyTrust | IdentityTrust;

type KeyTrust = {
  /** The file of a public key in PEM: ECDSA P-256, as cosign makes them. */
  key: string;
};

type IdentityTrust = {
  /** The name in the certificate, all of it: an e-mail address, or the URI of a workflow. */
  certificateIdentity: string;
  /** Who vouches for the name, by URL. */
  certificateOidcIssuer: string;
  /** The file of Sigstore's authorities, `trusted_root.json`. */
  trustedRoot: string;
};

/** What bundles are held against. */
export type Trusted = {
  verifier: Verifier;
  /** Why a signer whose signature is right is not the one that is trusted; nothing where it is. */
  objection(signer: Signer): string | undefined;
  /** Whether it is a key, so that bundles have no certificate. */
  byKey: boolean;
};

/** @throws CommandFailure where a file of it cannot be used */
export async function loadTrust(trust: Trust): Promise<Trusted> {
  if ('key' in trust) {
    return {
      verifier: keyVerifier(await readPublicKey(trust.key)),
      objection: () => undefined,
      byKey: true,
    };
  }
  const { certificateIdentity: identity, certificateOidcIssuer: issuer } = trust;
  return {
    verifier: new Verifier(toTrustMaterial(await readTrustedRoot(trust.trustedRoot))),
    // Compared here as a whole: the library takes a text for a pattern that may match anywhere in the name.
    objection: ({ identity: is }) =>
      is?.subjectAlternativeName === identity && is.extensions?.issuer === issuer
        ? undefined
        : `it was signed by ${is?.subjectAlternativeName}, for whom ${is?.extensions?.issuer} vouches`,
    byKey: false,
  };
}

/** A key is trusted for all time and by itself: no log and no authority is asked. */
const keyVerifier = (publicKey: KeyObject) =>
  new Verifier(
    {
      certificateAuthorities: [],
      timestampAuthorities: [],
      tlogs: [],
      ctlogs: [],
      publicKey: () => ({ publicKey, validFor: () => true }),
    },
    { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 },
  );

async function readTrustedRoot(file: string): Promise<TrustedRoot> {
  try {
    return TrustedRoot.fromJSON(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new CommandFailure(
      `${file} is no trusted root of Sigstore (${(error as Error).message}); \`cosign trusted-root create\` ` +
        'makes one, and Sigstore publishes its own with TUF',
    );
  }
}
