import type { Argv } from 'yargs';
import type { Command } from '../commands/run-command.ts';
import { json } from './json.ts';

/**
 * Declares the commands that are about GPUs.
 *
 * @param choose is given the command that was named, which runs once the whole line has been checked
 */
export const gpuCommands = <T>(line: Argv<T>, choose: (command: Command) => void): Argv<T> =>
  line.command('gpu', 'Set this machine up for a GPU', (inner) =>
    inner
      .demandCommand(1, 'say what to do: install')
      .command(
        'install',
        'Bring the libraries of the provider cuda by pip, 1.3 GB, and put them where the runtime finds them',
        json,
        (options) =>
          choose(async (context) => (await import('../commands/gpu.ts')).install(options, context)),
      ),
  );
