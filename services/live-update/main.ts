// The entry point of development images: runs a program from a writable copy of the image's code, and anew
// whenever a file of it changes.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { readConfig } from './config.ts';
import { keepRunning } from './keep-running.ts';
import { serveProbes } from './serve-probes.ts';
import { watchFolders } from './watch-folders.ts';
import { makeWritableCopy } from './writable-copy.ts';

/** Every pod may write to /tmp, and to nothing else. The Tiltfile names this folder, too. */
const copy = '/tmp/darkroom';

const config = readConfig();
await makeWritableCopy(fileURLToPath(new URL('../..', import.meta.url)), copy);
const probes = await serveProbes(config.probesPort, config.programPort);
const program = keepRunning({
  start: () =>
    spawn(process.execPath, config.program, {
      cwd: copy,
      env: config.environment,
      stdio: 'inherit',
    }),
  say: (line) => console.error('live update:', line),
});
const watched = watchFolders(join(copy, 'services'), program.changed);
process.on('SIGTERM', () => program.stop('SIGTERM'));
process.on('SIGINT', () => program.stop('SIGINT'));
const code = await program.ended;
watched.close();
probes.close();
process.exit(code);
