import type { Argv } from 'yargs';

/** Declares `--json`, the same for every command that has it. */
export const json = <T>(line: Argv<T>) =>
  line.option('json', {
    type: 'boolean',
    default: false,
    describe: 'Print one JSON document on stdout',
  });
