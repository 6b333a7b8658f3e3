import type { Argv } from 'yargs';
import type { Command } from '../commands/run-command.ts';
import { environmentNames, layers } from '../render/environments.ts';

/**
 * Declares the commands that are about clusters.
 *
 * @param choose is given the command that was named, which runs once the whole line has been checked
 */
export const platformCommands = <T>(line: Argv<T>, choose: (command: Command) => void): Argv<T> =>
  line.command(
    'render <environment>',
    'Check the manifests of an environment and print them, in the order in which they are applied',
    (inner) =>
      inner
        .positional('environment', {
          choices: environmentNames,
          demandOption: true,
          describe: 'What the manifests are bound to',
        })
        .option('layer', {
          choices: layers,
          requiresArg: true,
          describe: 'What Darkroom stands on, or Darkroom itself; both unless told',
        }),
    (options) =>
      choose(async (context) => (await import('../commands/render.ts')).render(options, context)),
  );
