import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const files = (root) => ({
  wanted: join(root, 'package-lock.json'),
  present: join(root, 'node_modules', '.package-lock.json'),
  record: join(root, 'node_modules', '.darkroom-installed-lock'),
});

/**
 * Whether node_modules holds what package-lock.json names: by our record of the last installation,
 * or by npm's, so that a bare `npm ci` counts as well.
 *
 * @param {string} root the folder of package-lock.json
 * @returns {boolean}
 */
export function isInstalled(root) {
  const { wanted, present, record } = files(root);
  const text = read(wanted);
  if (text === read(record)) return true;
  const found = JSON.parse(read(present) ?? '{}').packages ?? {};
  return Object.entries(JSON.parse(text ?? '{}').packages ?? {}).every(([folder, locked]) => {
    const { version, integrity } = found[folder] ?? {};
    if (folder in found) return version === locked.version && integrity === locked.integrity;
    return folder === '' || (locked.optional === true && !isForThisMachine(locked));
  });
}

/**
 * Records that package-lock.json was installed, so that optional packages which the registry lacks
 * do not make every command install again.
 *
 * @param {string} root the folder of package-lock.json
 */
export function recordInstalled(root) {
  const { wanted, record } = files(root);
  copyFileSync(wanted, `${record}.new`);
  renameSync(`${record}.new`, record);
}

/** Optional packages that do not name this platform may be absent: npm decides. */
function isForThisMachine({ os, cpu, libc }) {
  const names = (list, value) => list !== undefined && [list].flat().includes(value);
  return names(os, process.platform) && names(cpu, process.arch) && libc === undefined;
}

/** A file's text, or undefined where there is no such file. */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
