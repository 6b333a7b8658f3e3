import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { imagePurl } from './image-purl.ts';
import { LOCK_FILE, PROVENANCE_FILE, type ReleaseLock } from './lock.ts';
import { sha256 } from './manifest-files.ts';

const STATEMENT = 'https://in-toto.io/Statement/v1';
const PREDICATE = 'https://slsa.dev/provenance/v1';
const BUILD_TYPE = 'https://darkroom.dev/release/v1';
const BUILDER = 'https://darkroom.dev/command-line';

/**
 * What a lock was made of and how: an in-toto statement about it, with provenance of SLSA. It has no time in
 * it, and of a place only what the lock has.
 *
 * @param lockText the lock as it is written
 * @param given the digests of images that were named when it was built
 */
export function provenanceOf(
  lockText: string,
  lock: ReleaseLock,
  given: Readonly<Record<string, string>>,
): object {
  return {
    _type: STATEMENT,
    subject: [{ name: LOCK_FILE, digest: hexDigest(sha256(lockText)) }],
    predicateType: PREDICATE,
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: {
          source: lock.source,
          images: Object.fromEntries(Object.entries(given).sort()),
          models: lock.models,
          reports: lock.tests,
        },
        resolvedDependencies: dependenciesOf(lock),
      },
      runDetails: { builder: { id: BUILDER, version: { darkroom: lock.versions.darkroom } } },
    },
  };
}

const statement = z.looseObject({
  _type: z.literal(STATEMENT),
  subject: z.tuple([z.looseObject({ digest: z.looseObject({ sha256: z.string() }) })]),
  predicateType: z.literal(PREDICATE),
  predicate: z.looseObject({
    buildDefinition: z.looseObject({
      buildType: z.literal(BUILD_TYPE),
      resolvedDependencies: z.array(
        z.looseObject({ name: z.string(), digest: z.record(z.string(), z.string()) }),
      ),
    }),
  }),
});

/** What is wrong with the text of a release's provenance; nothing where it is about this very lock. */
export function provenanceProblem(
  text: string,
  lockText: string,
  lock: ReleaseLock,
): string | undefined {
  const parsed = statement.safeParse(parsedJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `${PROVENANCE_FILE} is no provenance of a release: ${issue?.path.join('.')}: ${issue?.message}`;
  }
  const { subject, predicate } = parsed.data;
  if (!isDeepStrictEqual({ ...subject[0].digest }, hexDigest(sha256(lockText)))) {
    return `${PROVENANCE_FILE} is that of another ${LOCK_FILE}`;
  }
  const told = predicate.buildDefinition.resolvedDependencies;
  if (!isDeepStrictEqual(byName(told), byName(dependenciesOf(lock)))) {
    return `${PROVENANCE_FILE} tells other sources, images or models than ${LOCK_FILE}`;
  }
  return undefined;
}

const dependenciesOf = ({ source, images, models }: ReleaseLock) => [
  { name: 'source', digest: { gitCommit: source.revision } },
  ...Object.entries(images).map(([name, image]) => ({
    name,
    uri: imagePurl(name, image),
    digest: hexDigest(image.digest),
  })),
  ...Object.entries(models).map(([name, digest]) => ({
    name: `model:${name}`,
    digest: hexDigest(digest),
  })),
];

/** Digests by name: what else is told of a dependency is for people. */
const byName = (dependencies: { name: string; digest: object }[]) =>
  Object.fromEntries(dependencies.map(({ name, digest }) => [name, { ...digest }]));

/** A digest as in-toto writes it. */
const hexDigest = (digest: string) => ({ sha256: digest.slice('sha256:'.length) });

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
