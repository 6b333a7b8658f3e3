import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailure } from '../commands/failure.ts';
import { LOCK_FILE, PROVENANCE_FILE, PROVENANCE_SIGNATURE_FILE, SIGNATURE_FILE } from './lock.ts';
import { loadTrust, type Trust } from './trust.ts';
import { type Signed, verifyBundle } from './verify-bundle.ts';

export type { Trust };

const signed: readonly Signed[] = [
  { file: LOCK_FILE, bundleFile: SIGNATURE_FILE, signedAs: 'messageSignature' },
  { file: PROVENANCE_FILE, bundleFile: PROVENANCE_SIGNATURE_FILE, signedAs: 'dsseEnvelope' },
];

/**
 * Verifies that the lock of a release, and its provenance, were signed by who is trusted. That the files are
 * what the lock says, `readRelease` compares.
 *
 * @throws CommandFailure that says what is wrong and what to do: no signature, one of another lock, another
 *   key, or a key that cannot be read
 */
export async function verifySignature(folder: string, trust: Trust): Promise<void> {
  const trusted = await loadTrust(trust);
  for (const names of signed) {
    const { file, bundleFile } = names;
    const content = await readFile(join(folder, file)).catch(() => {
      throw new CommandFailure(
        `${folder} is no release: it has no ${file}; take it anew from where it was published`,
      );
    });
    const text = await readFile(join(folder, bundleFile), 'utf8').catch(() => {
      throw new CommandFailure(
        `${folder} is not signed: it has no ${bundleFile}; who publishes it signs it with ` +
          '`darkroom release sign`',
      );
    });
    verifyBundle(text, content, { ...names, bundleFile: join(folder, bundleFile) }, trusted);
  }
}
