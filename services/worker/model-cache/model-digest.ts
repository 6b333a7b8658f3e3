import { z } from 'zod';

/** Which version of its model a worker runs. */
export const modelDigestVariable = z
  .string()
  .regex(
    /^(latest|sha256:[0-9a-f]{64})$/,
    'must be latest, or sha256: and the 64 hexadecimal digits of a version',
  )
  .transform((text) => (text === 'latest' ? undefined : text.slice('sha256:'.length)))
  .meta({
    description:
      'the version of the model, as `darkroom models push` and the lock of a release tell it; latest: the one ' +
      'that was pushed last',
    examples: [`MODEL_DIGEST=sha256:${'0123456789abcdef'.repeat(4)}`],
  })
  .optional();

/** A digest is that of one model. */
export const oneModelForDigest: [
  (config: { MODEL_DIGEST?: string | undefined; SERVE_MODELS?: string[] | undefined }) => boolean,
  { path: string[]; message: string },
] = [
  (config) => config.MODEL_DIGEST === undefined || config.SERVE_MODELS?.length === 1,
  { path: ['MODEL_DIGEST'], message: 'is of one model: name that one alone in SERVE_MODELS' },
];
