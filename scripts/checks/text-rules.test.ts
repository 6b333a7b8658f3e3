import { describe, expect, test } from 'vitest';
import { findIn } from './text-rules.ts';

const rulesBroken = (file: string, text: string) => findIn(file, text).map(({ rule }) => rule);
// Assembled, so that this file does not break the rules it tests.
const home = ['', 'home', 'ada', 'darkroom'].join('/');

/** A lock file with zod in the root and a package `x` in a room. */
const lock = (x: object): string =>
  JSON.stringify({
    packages: {
      'node_modules/zod': { integrity: 'sha512-z' },
      'services/worker/node_modules/x': { integrity: 'sha512-x', ...x },
    },
  });

describe('rules about text', () => {
  test.each([
    ['lock-file-without-hosts', 'package-lock.json', '{\n"resolved": "https://host/zod.tgz"\n}'],
    ['lock-file-complete', 'package-lock.json', lock({ optionalDependencies: { 'x-win32': '1' } })],
    ['lock-file-complete', 'package-lock.json', lock({ integrity: undefined })],
    ['no-machine-paths', 'services/worker/config.ts', `const folder = '${home}';`],
    ['no-machine-paths', 'README.md', `Run it from ${home}.`],
    ['no-silent-tests', 'services/worker/a.test.ts', `test.${'skip'}('later', () => {});`],
    ['no-silent-tests', 'services/worker/a.test.ts', `describe.${'skipIf'}(!docker)('x', f);`],
    ['no-silent-tests', 'services/storage/testing/driver.ts', `it.${'only'}.each(a)('x', f);`],
    ['no-notes-to-self', 'services/worker/app.ts', `// ${'TO'}${'DO'}: think`],
    ['only-config-reads-environment', 'services/worker/app.ts', 'const { PORT } = process.env;'],
    [
      'only-config-reads-environment',
      'services/worker/app.ts',
      "import { env } from 'node:process';",
    ],
    ['only-main-exits', 'services/worker/app.ts', 'process.exit(1);'],
    ['only-main-exits', 'services/worker/app.ts', "process.once('SIGTERM', stop);"],
    ['only-main-connects', 'services/worker/app.ts', 'const store = connectPostgresStore({});'],
    ['files-stay-short', 'services/worker/app.ts', '\n'.repeat(301)],
  ])('%s is broken by %s', (rule, file, text) => {
    expect(rulesBroken(file, text)).toEqual([rule]);
  });

  test.each([
    ['package-lock.json', '{\n"resolved": "services/contract"\n}'],
    ['package-lock.json', lock({ dependencies: { zod: '4' } })],
    ['services/worker/main.ts', 'process.exit(1);'],
    ['services/worker/main.ts', 'connectS3({});'],
    ['services/worker/config.ts', 'load(process.env);'],
    ['services/worker/app.ts', "import '../work/plan.ts'; const url = '../home/page';"],
    ['services/diffusion/random/philox.ts', '\n'.repeat(900)],
    ['services/worker/a.test.ts', "test('skips what is done', () => list.only('x'));"],
  ])('%s keeps them: case %#', (file, text) => {
    expect(rulesBroken(file, text)).toEqual([]);
  });
});
