import { Buffer } from 'node:buffer';
import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Bundle,
  bundleToJSON,
  toDSSEBundle,
  toMessageSignatureBundle,
} from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import {
  LOCK_FILE,
  PROVENANCE_FILE,
  PROVENANCE_SIGNATURE_FILE,
  SIGNATURE_FILE,
  writeDocument,
} from './lock.ts';
import { type Release, readRelease } from './read-release.ts';

import { readPrivateKey } from './signing-key.ts';
import { IN_TOTO } from './verify-bundle.ts';

/**
 * Signs a release with a key: its lock, which names everything else, and its provenance. Earlier signatures
 * are replaced.
 *
 * @param key the file of an ECDSA P-256 key in PKCS#8, and its passphrase where it is encrypted
 * @throws CommandFailure where the folder is not what its lock says, or the key cannot be used
 */
export async function signRelease(
  folder: string,
  key: { file: string; passphrase?: string | undefined },
): Promise<Release> {
  const privateKey = await readPrivateKey(key.file, key.passphrase);
  // Nobody vouches for a folder that was edited.
  const release = await readRelease(folder);
  const keyHint = hintOf(privateKey);

  const lock = await readFile(join(folder, LOCK_FILE));
  const signature = toMessageSignatureBundle({
    digest: createHash('sha256').update(lock).digest(),
    signature: sign('sha256', lock, privateKey),
    keyHint,
  });

  const provenance = await readFile(join(folder, PROVENANCE_FILE));
  const attestation = toDSSEBundle({
    artifact: provenance,
    artifactType: IN_TOTO,
    signature: sign('sha256', dsse.preAuthEncoding(IN_TOTO, provenance), privateKey),
    keyHint,
  });
  // cosign passes over signatures whose key has another name than it would give it.
  for (const each of attestation.content.dsseEnvelope.signatures) each.keyid = '';

  await replace(join(folder, PROVENANCE_SIGNATURE_FILE), attestation);
  await replace(join(folder, SIGNATURE_FILE), signature);
  return release;
}

/** How cosign names a key in a bundle: by its public half's digest. */
const hintOf = (key: KeyObject) =>
  createHash('sha256')
    .update(Buffer.from(createPublicKey(key).export({ type: 'spki', format: 'der' })))
    .digest('base64');

/** Whole or not at all. */
async function replace(file: string, bundle: Bundle): Promise<void> {
  const unfinished = `${file}.${process.pid}.part`;
  await writeFile(unfinished, writeDocument(bundleToJSON(bundle)));
  await rename(unfinished, file);
}
