import { Buffer } from 'node:buffer';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CommandFailure } from '../commands/failure.ts';

/** Of ECDSA on P-256, the kind that cosign makes and every verifier of Sigstore knows. */
const isP256 = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) =>
  asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1';

/**
 * Reads a key to sign with: PKCS#8 in PEM.
 *
 * @param passphrase of one that is encrypted
 * @throws CommandFailure that says why it cannot be used
 */
export async function readPrivateKey(file: string, passphrase?: string): Promise<KeyObject> {
  const pem = await readKeyFile(file);
  if (pem.includes('ENCRYPTED SIGSTORE PRIVATE KEY') || pem.includes('ENCRYPTED COSIGN')) {
    throw new CommandFailure(
      `${file} is in cosign's own format, which only cosign reads: sign with cosign, or with a key in PKCS#8 ` +
        '(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)',
    );
  }
  if (pem.includes('BEGIN ENCRYPTED PRIVATE KEY') && !passphrase) {
    throw new CommandFailure(`${file} is encrypted; give its passphrase in COSIGN_PASSWORD`);
  }
  let key: KeyObject;
  try {
    // Of a key that is not encrypted, the passphrase is not looked at.
    key = createPrivateKey({ key: pem, format: 'pem', passphrase: passphrase ?? '' });
  } catch (error) {
    throw new CommandFailure(
      `${file} is no private key in PEM that can be read, or COSIGN_PASSWORD is not its passphrase ` +
        `(${(error as Error).message})`,
    );
  }
  return p256(key, file);
}

/**
 * Reads a key to verify with, such as cosign.pub.
 *
 * @throws CommandFailure that says why it cannot be used
 */
export async function readPublicKey(file: string): Promise<KeyObject> {
  const pem = await readKeyFile(file);
  if (pem.includes('PRIVATE KEY')) {
    throw new CommandFailure(
      `${file} is a private key, which belongs to who signs: verify with its public one ` +
        '(openssl pkey -in FILE -pubout)',
    );
  }
  let key: KeyObject;
  try {
    key = createPublicKey(Buffer.from(pem));
  } catch (error) {
    throw new CommandFailure(
      `${file} is no public key in PEM that can be read (${(error as Error).message}); give the one that ` +
        'belongs to the key which releases are signed with',
    );
  }
  return p256(key, file);
}

const readKeyFile = (file: string) =>
  readFile(file, 'utf8').catch((error: Error) => {
    throw new CommandFailure(`the key ${file} cannot be read (${error.message}); name its file`);
  });

function p256(key: KeyObject, file: string): KeyObject {
  if (isP256(key)) return key;
  throw new CommandFailure(
    `${file} is no key of ECDSA on P-256; make one with ` +
      'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256',
  );
}
