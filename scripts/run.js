// Runs a program of this repository: `node scripts/run.js FILE [ARGUMENT ...]`.
// Plain JavaScript without dependencies, because it must work on a fresh clone with Node 20:
// it installs the locked packages when they are missing and hands over to the pinned Node.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lockFile = join(root, 'package-lock.json');
const installedLock = join(root, 'node_modules', '.darkroom-installed-lock');

/** Installs what package-lock.json says, unless this very lock file was installed before. */
function installPackages() {
  const lock = readFileSync(lockFile, 'utf8');
  if (existsSync(installedLock) && readFileSync(installedLock, 'utf8') === lock) return;
  console.error('darkroom: installing the packages of package-lock.json (once, about a minute) …');
  // Not `npm ci`: it refuses a lock file whose optional packages for other platforms a partial
  // mirror does not carry. `npm install` keeps to the locked versions and checksums as well.
  const npm = spawnSync('npm', ['install', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) {
    console.error(
      npm.error === undefined
        ? 'darkroom: `npm install` failed; see its message above, then run the command again.'
        : `darkroom: npm could not be started (${npm.error.message}); install npm and run the command again.`,
    );
    process.exit(1);
  }
  writeFileSync(installedLock, lock);
}

/** The Node that came with the packages, or this one if it can run TypeScript itself. */
function findNode() {
  const require = createRequire(join(root, 'package.json'));
  try {
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`);
    return join(dirname(manifest), 'bin', 'node');
  } catch {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
    console.error(
      `darkroom: no Node comes with the packages for ${process.platform}-${process.arch}, and ` +
        `${process.version} cannot run TypeScript. Install Node 24 and run the command again.`,
    );
    process.exit(1);
  }
}

/** Runs the program as this very process where Node can, else as a child that gets our signals. */
function handOver(node, args) {
  // Tools started from the program (vitest, biome, npm) find the pinned Node first.
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };
  if (process.execve !== undefined && process.platform !== 'win32') {
    process.execve(node, [node, ...args], env);
  }
  const child = spawn(node, args, { stdio: 'inherit', env });
  // A terminal sends Ctrl-C to the whole group; a supervisor signals only us.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/run.js FILE [ARGUMENT ...]');
  process.exit(2);
}
installPackages();
handOver(findNode(), [resolve(root, file), ...args]);
