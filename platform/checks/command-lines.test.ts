import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { darkroom } from '../../scripts/commands/testing/darkroom.ts';
import { repository } from '../../scripts/repository.ts';
import {
  type CommandHelp,
  checkCommandLine,
  darkroomLines,
  parseHelp,
  scriptsIn,
} from './command-lines.ts';

const files = globSync(
  ['*.md', 'docs/**/*.md', '.github/workflows/*.yml', '.github/actions/*/action.yml'],
  { cwd: repository },
).sort();

const helps = new Map<string, Promise<CommandHelp>>();
function helpOf(path: readonly string[]): Promise<CommandHelp> {
  const known = helps.get(path.join(' '));
  if (known !== undefined) return known;
  const asked = darkroom([...path, '--help']).then(({ stdout }) => parseHelp(path, stdout));
  helps.set(path.join(' '), asked);
  return asked;
}

const problemsOf = async (words: readonly string[]) => checkCommandLine(words, helpOf);

test('every command and option of ours that pages and workflows name is there', async () => {
  const problems: string[] = [];
  const commands = new Set<string>();
  for (const file of files) {
    const scripts = scriptsIn(file, readFileSync(join(repository, file), 'utf8'));
    for (const words of scripts.flatMap(darkroomLines)) {
      commands.add(words.slice(0, 2).join(' '));
      problems.push(...(await problemsOf(words)).map((problem) => `${file}: ${problem}`));
    }
  }
  expect(problems).toEqual([]);
  expect([...commands]).toEqual(
    expect.arrayContaining([
      'promote --release',
      'promote rollback',
      'release pull',
      'models push',
    ]),
  );
});

test.each([
  ['darkroom promot --to staging', /^darkroom has no command promot; it has generate, /],
  [
    'darkroom promote rollback staging --dry-run',
    /^darkroom promote rollback has no option --dry-run$/,
  ],
  ['darkroom promote --into staging', /^darkroom promote has no option --into$/],
  [
    'darkroom release sgin releases/NAME',
    /^darkroom release has no command sgin; it has build, sign,/,
  ],
  [
    'npm run -s darkroom -- release pull \\\n  X --keys=k | cat',
    /^darkroom release pull has no option --keys$/,
  ],
])('%s is told', async (line, words) => {
  const [parsed = []] = darkroomLines(line);
  expect(await problemsOf(parsed)).toEqual([expect.stringMatching(words)]);
});
