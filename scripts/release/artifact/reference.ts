import { UsageError } from '../../commands/failure.ts';

const pattern =
  /^(?<repository>[a-z0-9.-]+(?::\d+)?(?:\/[a-z0-9._-]+)+)(?::(?<tag>\w[\w.-]{0,127})|@(?<digest>sha256:[0-9a-f]{64}))?$/;

/** Where an artifact lies in a registry. */
type Reference = { repository: string; tag?: string; digest?: string };

/** @throws UsageError for what is no `REGISTRY/REPOSITORY`, with or without a tag or digest */
export function parseReference(text: string): Reference {
  const { repository, tag, digest } = pattern.exec(text)?.groups ?? {};
  if (repository === undefined) {
    throw new UsageError(
      `${text} names no place in a registry; give REGISTRY/REPOSITORY, to pull with :TAG or @sha256:…`,
    );
  }
  return { repository, ...(tag && { tag }), ...(digest && { digest }) };
}
