import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ExecError, exec } from '../../scripts/cluster/exec.ts';
import { findTool } from '../../scripts/render/tools.ts';
import { repository } from '../../scripts/repository.ts';
import { checkWorkflow, scriptsOf } from './workflows.ts';

const read = (file: string) => readFileSync(join(repository, file), 'utf8');
const files = globSync(['.github/workflows/*.yml', '.github/actions/*/action.yml'], {
  cwd: repository,
}).sort();
const known = Object.keys(JSON.parse(read('package.json')).scripts);

let actionlint: string;
beforeAll(async () => {
  actionlint = await findTool('actionlint');
});

/** @param input in the place of delivery.yml; all workflows as they are without it */
const lint = (input?: string) =>
  exec(
    actionlint,
    // Without what happens to be installed beside it, so that it says the same everywhere.
    [
      ...['-no-color', '-oneline', '-shellcheck=', '-pyflakes='],
      ...(input === undefined ? [] : ['-stdin-filename', '.github/workflows/delivery.yml', '-']),
    ],
    { cwd: repository, ...(input !== undefined && { input }) },
  );

test('actionlint finds nothing in any workflow', async () => {
  expect(files).toEqual([
    '.github/actions/prepare-promotion/action.yml',
    '.github/workflows/delivery.yml',
    '.github/workflows/promotion.yml',
    '.github/workflows/tiers.yml',
  ]);
  await expect(lint()).resolves.toBe('');
});

/** A mistake in delivery.yml as text and replacement, and what actionlint says of it. */
const lintedMistakes: [string, string, string, RegExp][] = [
  ['a job that is not there', 'needs: images', 'needs: image', /"release" needs job "image"/],
  ['an unknown right', 'packages: write', 'package: write', /unknown permission scope "package"/],
  ['a step that is not there', 'steps.push.outputs', 'steps.pushed.outputs', /"pushed" is not def/],
  ['an unknown input', 'release: ${{ needs', 'releases: ${{ needs', /input "releases" is not def/],
  ['an output that nobody has', 'outputs.reference }}', 'outputs.ref }}', /"ref" is not defined/],
];

test.each(lintedMistakes)('actionlint tells of %s', async (_, from, to, words) => {
  const text = read('.github/workflows/delivery.yml');
  expect(text).toContain(from);
  const told = await lint(text.replaceAll(from, to)).catch((error: unknown) => error);
  expect(told).toBeInstanceOf(ExecError);
  expect((told as ExecError).stdout).toMatch(words);
});

test.each(files)('bash can read every script of %s', async (file) => {
  const scripts = scriptsOf(read(file));
  expect(scripts).not.toEqual([]);
  for (const input of scripts) await expect(exec('bash', ['-n'], { input })).resolves.toBe('');
});

test.each(files)('%s keeps our rules', (file) => {
  expect(checkWorkflow(read(file), known)).toEqual([]);
});

const [tiers, delivery] = ['tiers', 'delivery'].map((name) =>
  read(`.github/workflows/${name}.yml`),
);

/** A mistake as workflow, text and replacement, and what is told of it. */
const mistakes: [string, string | undefined, RegExp | string, string, RegExp][] = [
  ['an action by tag', tiers, /checkout@\w+ # v[\d.]+/, 'checkout@v7', /checkout@v7 may be moved/],
  ['a commit without a version', tiers, / # v[\d.]+/, '', /its version in a comment/],
  ['a missing script', delivery, 'npm run -s darkroom', 'npm run -s dark', /no script dark$/],
  ['rights for all', tiers, 'permissions: {}', 'permissions: { contents: read }', /every job has/],
  [
    'a job without rights',
    tiers,
    / {4}permissions:\n {6}contents: read\n/,
    '',
    /tiers does not say/,
  ],
  ['a right too many', tiers, 'contents: read', 'contents: write', /read the sources alone/],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a workflow
  ['an expression in a script', tiers, '.ci/run\n', 'echo ${{ github.token }}\n', /in `env`$/],
];

test.each(mistakes)('our rules tell of %s', (_, text = '', from, to, words) => {
  const changed = text.replace(from, to);
  expect(changed).not.toBe(text);
  expect(checkWorkflow(changed, known)).toEqual([expect.stringMatching(words)]);
});
