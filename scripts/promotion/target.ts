import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { CommandFailure } from '../commands/failure.ts';
import type { Trust } from '../release/signature.ts';

const seconds = z.int().nonnegative();

/** What of a promotion belongs to an environment: `target.yaml` in its folder. */
const targetFile = z.strictObject({
  cluster: z.strictObject({
    /** Of kubectl's configuration. */
    context: z.string().min(1),
    /** The UID of the namespace kube-system, which no two clusters share. */
    id: z.uuid(),
  }),
  /** The address of the API, as callers have it. */
  url: z.url({ protocol: /^https?$/ }),
  /** The Secret with a key of the API that may make pictures and read the status. */
  apiKey: z
    .strictObject({ secret: z.string(), key: z.string() })
    .default({ secret: 'first-api-key', key: 'key' }),
  /**
   * Where this machine reaches a registry that manifests name, where that is not by the same name:
   * `registry.internal: registry.example.com`.
   */
  registries: z.record(z.string(), z.string()).default({}),
  /** How this machine reaches the object store of the models, where that is not as the workers do. */
  objectStore: z
    .strictObject({
      /** Another address than the workers' S3_ENDPOINT. */
      endpoint: z.url({ protocol: /^https?$/ }).optional(),
      /** The Secret of the namespace darkroom with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. */
      secret: z.string().min(1).default('worker-credentials'),
    })
    .default({ secret: 'worker-credentials' }),
  /** The environments that a release may come from; without any, releases enter here. */
  accepts: z.array(z.string()).default([]),
  /** How long a release must have run in the environment that it comes from. */
  soakSeconds: seconds.default(3_600),
  /** How long it is looked at after it was applied, before it counts as verified. */
  bakeSeconds: seconds.default(300),
  /** How long a wave may take to run. */
  rolloutSeconds: seconds.default(1_800),
  /** How long a picture of a golden request may take, with the start of a worker for it. */
  pictureSeconds: seconds.default(300),
  /** By how much a picture's values may differ from the source's, of 255: GPUs of another kind round differently. */
  pictureTolerance: z.int().min(0).max(255).default(0),
  /** Alerts that keep nothing from being promoted from here, though somebody is woken for them. */
  toleratedAlerts: z.array(z.string()).default([]),
  /**
   * Whose releases are taken; files beside this one. Without it releases need no signature: for clusters on one
   * machine.
   */
  signedBy: z
    .union([
      z.strictObject({ key: z.string() }),
      z.strictObject({
        certificateIdentity: z.string(),
        certificateOidcIssuer: z.string(),
        trustedRoot: z.string(),
      }),
    ])
    .optional(),
});

export type Target = Omit<z.output<typeof targetFile>, 'signedBy'> & {
  signedBy?: Trust;
  name: string;
  /** The folder of its layers. */
  folder: string;
};

const TARGET_FILE = 'target.yaml';

/** Whether an environment has a cluster that releases are promoted to. */
export const hasTarget = (environments: string, name: string): boolean =>
  existsSync(join(environments, name, TARGET_FILE));

/**
 * Reads what an environment says of its cluster.
 *
 * @param environments the folder of all environments
 * @throws CommandFailure that names every field that is wrong, or the environments that there are
 */
export async function readTarget(environments: string, name: string): Promise<Target> {
  const folder = join(environments, name);
  const file = join(folder, TARGET_FILE);
  const text = await readFile(file, 'utf8').catch(() => {
    throw new CommandFailure(
      `${name} cannot be promoted to or from: ${file} is missing; docs/promotion.md says what stands in it`,
    );
  });
  const parsed = targetFile.safeParse(parseYaml(text, file));
  if (!parsed.success) {
    throw new CommandFailure(`${file} is not as it must be:\n${z.prettifyError(parsed.error)}`);
  }
  const { signedBy, ...target } = parsed.data;
  const trust = signedBy && trustBeside(file, signedBy);
  return { ...target, ...(trust && { signedBy: trust }), name, folder };
}

function trustBeside(file: string, trust: Trust): Trust {
  const beside = (path: string) => resolve(dirname(file), path);
  return 'key' in trust
    ? { key: beside(trust.key) }
    : { ...trust, trustedRoot: beside(trust.trustedRoot) };
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new CommandFailure(`${file} is no YAML: ${(error as Error).message}`);
  }
}
