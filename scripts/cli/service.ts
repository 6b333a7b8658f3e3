import type { Argv } from 'yargs';
import { json } from './json.ts';

const service = <T>(line: Argv<T>) =>
  line
    .option('server', {
      type: 'string',
      requiresArg: true,
      describe: 'Address of a running Darkroom; without it the one on the data folder is used',
    })
    .option('api-key', {
      type: 'string',
      requiresArg: true,
      describe: "The server's key; better set DARKROOM_API_KEY, which other users cannot see",
    });

export const dataDir = <T>(line: Argv<T>) =>
  line.option('data-dir', {
    type: 'string',
    requiresArg: true,
    describe: 'Folder of the embedded service [default: .darkroom in the project]',
  });

/** Declares what every command takes that asks a service. */
export const remote = <T>(line: Argv<T>) => json(dataDir(service(line)));
