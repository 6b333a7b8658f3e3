import { Buffer } from 'node:buffer';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../manifest-files.ts';

const ARTIFACT_TYPE = 'application/vnd.darkroom.release.v1';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
/** What Flux and others unpack. */
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';
/** An artifact has no configuration; the specification gives this in its place. */
const EMPTY_CONFIG = '{}';
const EMPTY_CONFIG_TYPE = 'application/vnd.oci.empty.v1+json';

const manifest = z.looseObject({
  artifactType: z.literal(ARTIFACT_TYPE),
  layers: z.tuple([
    z.looseObject({ mediaType: z.literal(LAYER_TYPE), digest: z.string().startsWith('sha256:') }),
  ]),
});

/**
 * Writes a release's archive as an artifact into a folder, in the image layout of OCI.
 *
 * @returns the digest of its manifest, by which it is pulled
 */
export async function writeLayout(
  folder: string,
  layer: Buffer,
  annotations: Record<string, string>,
): Promise<string> {
  const document = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: ARTIFACT_TYPE,
    config: descriptor(EMPTY_CONFIG_TYPE, EMPTY_CONFIG),
    layers: [descriptor(LAYER_TYPE, layer)],
    annotations,
  });
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  for (const blob of [document, EMPTY_CONFIG, layer]) {
    await writeFile(join(folder, pathOf(sha256(blob))), blob);
  }
  const index = { schemaVersion: 2, manifests: [descriptor(MANIFEST_TYPE, document)] };
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return sha256(document);
}

/** The digest of the archive that a manifest names; undefined where it is of anything but a release. */
export function layerOf(text: string): string | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  return manifest.safeParse(content).data?.layers[0].digest;
}

/** Reads a blob of a layout. */
export const readBlob = (folder: string, digest: string): Promise<Buffer> =>
  readFile(join(folder, pathOf(digest)));

const pathOf = (digest: string) => `blobs/${digest.replace(':', '/')}`;

const descriptor = (mediaType: string, content: string | Buffer) => ({
  mediaType,
  digest: sha256(content),
  size: Buffer.byteLength(content),
});
