import { Buffer } from 'node:buffer';
import { places } from '../checks/lock-file.ts';

/** What is read here of an entry of package-lock.json. */
type LockedPackage = {
  name?: string;
  version?: string;
  link?: boolean;
  resolved?: string;
  integrity?: string;
  license?: string;
  dev?: boolean;
  optional?: boolean;
  devOptional?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
};

/** A package in one version, wherever it lies. */
export type NpmPackage = {
  purl: string;
  name: string;
  version: string;
  /** As in CycloneDX: `excluded` is what only builds and tests need. */
  scope: 'required' | 'optional' | 'excluded';
  license?: string;
  hashes: { alg: string; content: string }[];
  /** Package URLs of what it needs. */
  needs: string[];
};

const algorithms: Record<string, string> = {
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

/**
 * The packages of a lock file, workspaces included, sorted by package URL. It is read here and not by
 * `npm sbom`, whose answer changes with npm's version and the folder's name.
 *
 * @param text package-lock.json
 * @returns what the root needs, too, for building and tests included
 */
export function npmPackages(text: string): { packages: NpmPackage[]; rootNeeds: string[] } {
  const entries: Record<string, LockedPackage> = JSON.parse(text).packages ?? {};
  const needsOf = (folder: string) => {
    const entry = entries[folder] ?? {};
    const names = Object.keys({
      ...entry.dependencies,
      ...entry.optionalDependencies,
      ...entry.devDependencies,
    });
    const purls = names.flatMap((name) => {
      const place = places(folder, name).find((each) => each in entries);
      if (place === undefined) return [];
      const { link, resolved = place } = entries[place] ?? {};
      const target = link ? resolved : place;
      return [purlOf(target, entries[target] ?? {})];
    });
    return [...new Set(purls)].sort();
  };
  const byPurl = new Map<string, NpmPackage>();
  for (const [folder, entry] of Object.entries(entries)) {
    if (folder === '' || entry.link) continue;
    const found = packageOf(folder, entry, needsOf(folder));
    const same = byPurl.get(found.purl);
    byPurl.set(found.purl, same === undefined ? found : together(same, found));
  }
  const packages = [...byPurl.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1));
  return { packages, rootNeeds: needsOf('') };
}

const nameOf = (folder: string, entry: LockedPackage) =>
  entry.name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);

const purlOf = (folder: string, entry: LockedPackage) =>
  `pkg:npm/${nameOf(folder, entry).replace('@', '%40')}@${entry.version ?? ''}`;

function packageOf(folder: string, entry: LockedPackage, needs: string[]): NpmPackage {
  return {
    purl: purlOf(folder, entry),
    name: nameOf(folder, entry),
    version: entry.version ?? '',
    scope: entry.dev ? 'excluded' : entry.optional || entry.devOptional ? 'optional' : 'required',
    ...(entry.license !== undefined && { license: entry.license }),
    hashes: (entry.integrity?.split(' ') ?? []).flatMap((each) => {
      const at = each.indexOf('-');
      const alg = algorithms[each.slice(0, at)];
      const content = Buffer.from(each.slice(at + 1), 'base64').toString('hex');
      return alg === undefined ? [] : [{ alg, content }];
    }),
    needs,
  };
}

/** The same package in two places: needed as much as the one that is needed more. */
function together(a: NpmPackage, b: NpmPackage): NpmPackage {
  const scopes = ['required', 'optional', 'excluded'] as const;
  const scope = scopes.find((each) => each === a.scope || each === b.scope) ?? a.scope;
  return { ...a, scope, needs: [...new Set([...a.needs, ...b.needs])].sort() };
}
