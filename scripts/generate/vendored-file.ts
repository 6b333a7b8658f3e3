import { createHash } from 'node:crypto';

/** A text that others wrote, with where it is from and how to tell that it is still theirs. */
export type Vendored = { origin: string; license: string; body: string };

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const HEADER =
  /^# Not ours: (?<origin>.*)\n# License: (?<license>.*)\n# Made by .*\n# SHA-256 of what follows: (?<digest>[0-9a-f]{64})\n/;

export const writeVendored = ({ origin, license, body }: Vendored): string =>
  [
    `# Not ours: ${origin}`,
    `# License: ${license}`,
    '# Made by scripts/generate/vendor-upstream.ts; change kustomization.yaml instead.',
    `# SHA-256 of what follows: ${sha256(body)}`,
    body,
  ].join('\n');

/** @throws where the text is not what `writeVendored` wrote */
export function readVendored(text: string): Vendored {
  const header = HEADER.exec(text);
  const { origin, license, digest } = header?.groups ?? {};
  if (header === null || origin === undefined || license === undefined) {
    throw new Error('a vendored file begins with its origin, license and checksum');
  }
  const body = text.slice(header[0].length);
  if (sha256(body) !== digest) {
    throw new Error(
      'changed by hand: run scripts/generate/vendor-upstream.ts again, and patch it in kustomization.yaml',
    );
  }
  return { origin, license, body };
}
