import { scriptsOf } from './workflows.ts';

/** What `darkroom COMMAND --help` tells of a command. */
export type CommandHelp = {
  /** Names of the commands under it. */
  commands: readonly string[];
  /** With their dashes. */
  options: readonly string[];
};

/** Reads the help of a command, as yargs prints it. */
export function parseHelp(path: readonly string[], help: string): CommandHelp {
  const prefix = ['darkroom', ...path].join(' ');
  const names = [...help.matchAll(/^ {2}(darkroom [a-z -]*[a-z])(?= |$)/gm)].map(
    ([, line = '']) => line.slice(prefix.length + 1).split(' ')[0] ?? '',
  );
  return {
    commands: names.filter((name) => name !== ''),
    options: [...help.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, option = '']) => option),
  };
}

/** Each `darkroom …` of a shell script, in words, up to where the shell goes on. */
export const darkroomLines = (script: string): string[][] =>
  [
    ...script
      .replace(/\\\n\s*/g, ' ')
      .matchAll(/(?:\bnpm run -s darkroom -- |(?:^\s*|[(|&] *)darkroom )([^\n|>;&#)`]*)/gm),
  ]
    .map(([, line = '']) =>
      line
        .trim()
        .split(/\s+/)
        .filter((word) => word !== ''),
    )
    .filter(([first]) => first !== undefined);

/** The scripts of a page: its blocks for a shell, and what it names in a line of text. */
function scriptsOfPage(page: string): string[] {
  const blocks = [...page.matchAll(/^ *```sh\n(.*?)^ *```/gms)].map(([, block = '']) => block);
  const text = page.replace(/^ *```.*?^ *```/gms, '');
  const named = [...text.matchAll(/`((?:darkroom|npm run -s darkroom) [^`]+)`/g)];
  return [...blocks, ...named.map(([, line = '']) => line)];
}

/** The scripts of a file: a page, or a workflow. */
export const scriptsIn = (file: string, text: string): string[] =>
  file.endsWith('.md') ? scriptsOfPage(text) : scriptsOf(text);

/**
 * What a command line names that the program does not have.
 *
 * @param helpOf the help of a command by its path; of the program itself without one
 */
export async function checkCommandLine(
  words: readonly string[],
  helpOf: (path: readonly string[]) => Promise<CommandHelp>,
): Promise<string[]> {
  const path: string[] = [];
  let help = await helpOf(path);
  for (const word of words) {
    if (!help.commands.includes(word)) break;
    path.push(word);
    help = await helpOf(path);
  }
  const name = ['darkroom', ...path].join(' ');
  const next = words[path.length];
  const isUnknown = help.commands.length > 0 && next !== undefined && /^[a-z][a-z-]*$/.test(next);
  if (isUnknown) return [`${name} has no command ${next}; it has ${help.commands.join(', ')}`];
  return words
    .slice(path.length)
    .filter((word) => /^--[a-z]/.test(word))
    .map((option) => option.split('=')[0] ?? '')
    .filter((option) => !help.options.includes(option))
    .map((option) => `${name} has no option ${option}`);
}
