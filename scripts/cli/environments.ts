import type { Argv } from 'yargs';

/** Where environments are: a site has its own in a repository of its own. */
export const environments = <T>(line: Argv<T>) =>
  line.option('environments', {
    type: 'string',
    requiresArg: true,
    describe: 'The folder of all environments [default: platform/environments]',
  });
