// `npm run check`: everything that can be said about the code without running it. All checks run
// side by side; each prints one line, and its findings when it fails. Exit code 1 on any finding.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = 'node_modules/.cache/darkroom';

const checks: Record<string, { about: string; command: string[] }> = {
  types: {
    about: 'TypeScript, strict',
    command: ['tsc', '--incremental', '--tsBuildInfoFile', `${cache}/types.tsbuildinfo`],
  },
  lint: {
    about: 'lint and format (`npm run format` fixes most)',
    command: ['biome', 'ci', '--colors=off', '--max-diagnostics=50', '.'],
  },
  walls: {
    about: 'walls between rooms, import cycles (.dependency-cruiser.mjs)',
    command: ['depcruise', '--output-type=err-long', 'services', 'scripts', 'platform'],
  },
  unused: {
    about: 'unused files, exports and dependencies (knip.jsonc)',
    command: ['knip', '--no-progress', '--treat-config-hints-as-errors'],
  },
  text: {
    about: 'rules a parser does not know (scripts/checks/text.ts)',
    command: ['node', 'scripts/checks/text.ts'],
  },
};

function run([program = '', ...args]: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, PATH: `${root}node_modules/.bin:${process.env.PATH ?? ''}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output: output.trim() }));
  });
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in checks));
if (unknown.length > 0) {
  console.error(
    `no check named ${unknown.join(', ')}; there are ${Object.keys(checks).join(', ')}`,
  );
  process.exit(2);
}

mkdirSync(`${root}${cache}`, { recursive: true });
const results = await Promise.all(
  Object.entries(checks)
    .filter(([name]) => wanted.length === 0 || wanted.includes(name))
    .map(async ([name, { about, command }]) => {
      const start = performance.now();
      const { code, output } = await run(command);
      const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${seconds} s  ${name.padEnd(7)} ${about}`);
      return { name, ok: code === 0, output };
    }),
);

const failed = results.filter((result) => !result.ok);
for (const { name, output } of failed) console.log(`\n── ${name} ──\n${output}`);
if (failed.length > 0) {
  console.log(`\ncheck failed: ${failed.map((result) => result.name).join(', ')}`);
  process.exitCode = 1;
}
