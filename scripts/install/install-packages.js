import { spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { recordInstalled } from './is-installed.js';

const PROGRESS_MS = 5_000;

/**
 * Installs what package-lock.json names. Reports progress on standard error; ends this process with
 * exit code 1 when npm fails.
 *
 * @param {string} root the folder of package-lock.json
 */
export async function installPackages(root) {
  const say = (line) => console.error(`darkroom: ${line}`);
  say('installing the locked packages with `npm ci`, once. Without a cache it downloads about');
  say('340 MB, which takes one to five minutes; node_modules then takes 830 MB.');
  const began = Date.now();
  let downloaded = 0;
  const npm = spawn('npm', ['ci', '--loglevel=http'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    shell: process.platform === 'win32',
  });
  const lines = createInterface({ input: npm.stderr }).on('line', (line) => {
    if (/http fetch GET 200 .*\.tgz /.test(line)) downloaded += 1;
    else if (line.startsWith('npm error')) console.error(line);
  });
  const progress = setInterval(() => {
    const seconds = Math.round((Date.now() - began) / 1_000);
    say(`installing … ${seconds} s, ${downloaded} packages downloaded`);
  }, PROGRESS_MS);
  const [status, trouble] = await new Promise((done) => {
    npm.once('error', (error) => done([null, error.message]));
    npm.once('close', (code) => done([code, undefined]));
  });
  clearInterval(progress);
  lines.close();
  if (status === 0) {
    recordInstalled(root);
    say(`installed in ${Math.round((Date.now() - began) / 1_000)} s`);
    return;
  }
  say(
    trouble === undefined
      ? '`npm ci` failed; see its message above, then run the command again.'
      : `npm could not be started (${trouble}); install npm and run the command again.`,
  );
  process.exit(1);
}
