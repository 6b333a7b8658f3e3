type LockedPackage = {
  integrity?: string;
  link?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
};

/** Where Node looks from a package's folder, nearest first, as keys of the lock file. */
export function places(folder: string, name: string): string[] {
  const parts = folder === '' ? [] : folder.split('/');
  return Array.from({ length: parts.length + 1 }, (_, up) =>
    [...parts.slice(0, parts.length - up), 'node_modules', name].join('/'),
  );
}

/**
 * What `npm ci` would refuse or install unchecked.
 *
 * @param text package-lock.json
 * @returns dependencies without an entry, those for other platforms included, and entries without a
 *   checksum
 */
export function gapsInLockFile(text: string): string[] {
  const packages: Record<string, LockedPackage> = JSON.parse(text).packages ?? {};
  return Object.entries(packages).flatMap(([folder, locked]) => {
    const needed = Object.keys({ ...locked.dependencies, ...locked.optionalDependencies });
    const absent = needed
      .filter((name) => !places(folder, name).some((place) => place in packages))
      .map((name) => `${folder || 'package.json'}: ${name} has no entry`);
    const unchecked =
      folder.includes('node_modules/') && locked.link !== true && locked.integrity === undefined;
    return unchecked ? [...absent, `${folder}: no integrity`] : absent;
  });
}
