import { imagePurl } from './image-purl.ts';
import type { ReleaseLock } from './lock.ts';
import { type NpmPackage, npmPackages } from './npm-packages.ts';

/** The parts of a release that its bill of materials tells. */
type Materials = Pick<ReleaseLock, 'release' | 'images' | 'models'> & {
  /** package-lock.json of the commit. */
  packageLock: string;
};

/**
 * The bill of materials of a release (CycloneDX 1.5): each npm package, image and model. Like the lock it has
 * no time and no serial number, so the same parts give the same bytes.
 */
export function sbomOf({ release, images, models, packageLock }: Materials): object {
  const { packages, rootNeeds } = npmPackages(packageLock);
  const containers = Object.entries(images).map(([name, image]) => ({
    type: 'container',
    'bom-ref': imagePurl(name, image),
    name,
    version: image.tag ?? image.digest,
    hashes: [{ alg: 'SHA-256', content: image.digest.slice('sha256:'.length) }],
    purl: imagePurl(name, image),
  }));
  const weights = Object.entries(models).map(([name, digest]) => ({
    type: 'machine-learning-model',
    'bom-ref': `model:${name}`,
    name,
    version: digest,
  }));
  const root = `darkroom:${release}`;
  const parts = [...containers, ...weights].map((part) => part['bom-ref']);
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: { type: 'application', 'bom-ref': root, name: 'darkroom', version: release },
    },
    components: [...containers, ...weights, ...packages.map(library)],
    dependencies: [
      { ref: root, dependsOn: [...parts, ...rootNeeds] },
      ...parts.map((ref) => ({ ref })),
      ...packages.map(({ purl, needs }) => ({
        ref: purl,
        ...(needs.length > 0 && { dependsOn: needs }),
      })),
    ],
  };
}

const library = ({ purl, name, version, scope, license, hashes }: NpmPackage) => ({
  type: 'library',
  'bom-ref': purl,
  name,
  version,
  scope,
  ...(hashes.length > 0 && { hashes }),
  ...(license !== undefined && { licenses: [licenseOf(license)] }),
  purl,
});

/** A single identifier is an expression of SPDX, too; what only a person can read is a name. */
const licenseOf = (license: string) =>
  /^(SEE|UNLICENSED)\b/.test(license) ? { license: { name: license } } : { expression: license };
