// Runs a program of this repository: `node scripts/run.js FILE [ARGUMENT ...]`.
// Plain JavaScript without dependencies, because it must work on a fresh clone with Node 20:
// it installs the locked packages when they are missing and hands over to the pinned Node.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { installPackages } from './install/install-packages.js';
import { isInstalled } from './install/is-installed.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

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
  const env = {
    // Compiled code is kept, so that the next command starts sooner.
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'),
    ...process.env,
    PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`,
  };
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
if (!isInstalled(root)) await installPackages(root);
handOver(findNode(), [resolve(root, file), ...args]);
