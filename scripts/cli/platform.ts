import type { Argv } from 'yargs';
import type { Command } from '../commands/run-command.ts';
import { environmentNames, layers } from '../render/environments.ts';
import { json } from './json.ts';

const cluster = <T>(line: Argv<T>) =>
  line
    .option('name', {
      type: 'string',
      requiresArg: true,
      default: 'darkroom',
      describe: "kind's name of the cluster",
    })
    .option('port', {
      type: 'number',
      requiresArg: true,
      default: 30_080,
      describe: 'Port of this machine on which the API answers',
    })
    .option('registry-port', {
      type: 'number',
      requiresArg: true,
      default: 5_001,
      describe: "Port of this machine for the cluster's registry",
    });

const told = <T>(line: Argv<T>) => json(cluster(line));

const actions = () => import('../commands/cluster.ts');

/**
 * Declares the commands that are about clusters.
 *
 * @param choose is given the command that was named, which runs once the whole line has been checked
 */
export const platformCommands = <T>(line: Argv<T>, choose: (command: Command) => void): Argv<T> =>
  line
    .command('cluster', 'Run Darkroom in a kind cluster on this machine', (inner) =>
      inner
        .demandCommand(1, 'say what to do: up, down, status or doctor')
        .command(
          'up',
          'Make the cluster, or bring it to the state of this checkout, and make a picture in it',
          (up) =>
            cluster(up).options({
              airgap: {
                type: 'boolean',
                describe: 'Make all images here, of Debian packages and Go modules, and pull none',
              },
              'node-image': {
                type: 'string',
                requiresArg: true,
                describe: "Image of the cluster's nodes [default: a pinned kindest/node]",
              },
            }),
          (options) => choose(async (context) => (await actions()).up(options, context)),
        )
        .command('down', 'Remove the cluster and all that belongs to it', cluster, (options) =>
          choose(async (context) => (await actions()).down(options, context)),
        )
        .command('status', 'What runs in the cluster', told, (options) =>
          choose(async (context) => (await actions()).status(options, context)),
        )
        .command(
          'doctor',
          'Look at what a cluster needs of this machine, and tell what to do',
          told,
          (options) => choose(async (context) => (await actions()).doctor(options, context)),
        ),
    )
    .command(
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
