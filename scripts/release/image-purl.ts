import type { ReleaseLock } from './lock.ts';

/**
 * The package URL of an image (https://github.com/package-url/purl-spec, type `oci`). Darkroom's own have no
 * registry in it: each environment binds one.
 */
export function imagePurl(name: string, { tag, digest }: ReleaseLock['images'][string]): string {
  const qualifiers = [
    ...(name.startsWith('darkroom/') ? [] : [`repository_url=${name}`]),
    ...(tag === undefined ? [] : [`tag=${tag}`]),
  ].join('&');
  const purl = `pkg:oci/${name.split('/').at(-1)}@${digest}`;
  return qualifiers === '' ? purl : `${purl}?${qualifiers}`;
}
