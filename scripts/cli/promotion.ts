import type { Argv } from 'yargs';
import type { Command } from '../commands/run-command.ts';
import { environments } from './environments.ts';
import { json } from './json.ts';

const environment = <T>(line: Argv<T>) =>
  environments(line).positional('environment', {
    type: 'string',
    demandOption: true,
    describe: 'Name of an environment: of a folder with a target.yaml',
  });

/** Of `promote` itself: `promote rollback --dry-run` would go back all the same. */
const own = { global: false } as const;

const actions = () => import('../commands/promote.ts');

/**
 * Declares the commands that carry releases between clusters.
 *
 * @param choose is given the command that was named, which runs once the whole line has been checked
 */
export const promotionCommands = <T>(line: Argv<T>, choose: (command: Command) => void): Argv<T> =>
  line.command(
    'promote',
    'Carry a release to an environment, unchanged, and back where it does not work',
    (inner) =>
      json(environments(inner))
        .options({
          from: {
            ...own,
            type: 'string',
            requiresArg: true,
            describe: 'The environment whose release goes on',
          },
          release: {
            ...own,
            type: 'string',
            requiresArg: true,
            describe:
              "A release's folder, where it enters; with --from, where the folder is elsewhere",
          },
          to: {
            ...own,
            type: 'string',
            requiresArg: true,
            describe: 'The environment that it goes to',
          },
          releases: {
            ...own,
            type: 'string',
            requiresArg: true,
            default: 'releases',
            describe: 'The folder of releases, by name',
          },
          'dry-run': {
            ...own,
            type: 'boolean',
            default: false,
            describe: 'Show what would be done, and do nothing',
          },
          yes: {
            ...own,
            type: 'boolean',
            default: false,
            describe: 'Do not ask whether the plan is approved',
          },
          'force-conflicts': {
            ...own,
            type: 'boolean',
            default: false,
            describe: 'Take fields over that others own',
          },
          retry: {
            ...own,
            type: 'boolean',
            default: false,
            describe: 'Also a release that was rejected there before',
          },
          report: {
            ...own,
            type: 'string',
            requiresArg: true,
            describe: 'Write what was done into a file, as JSON',
          },
        })
        .command(
          'verify <one> <other>',
          'Compare two clusters as they are now, outside the fields that environments bind',
          (verify) =>
            json(environments(verify))
              .positional('one', { type: 'string', demandOption: true, describe: 'An environment' })
              .positional('other', { type: 'string', demandOption: true, describe: 'Another' }),
          (options) =>
            choose(async (context) => (await actions()).verifyClusters(options, context)),
        )
        .command(
          'drift <environment>',
          'Where a cluster is another than its release was when it was verified',
          (drift) => json(environment(drift)),
          (options) => choose(async (context) => (await actions()).showDrift(options, context)),
        )
        .command(
          'rollback <environment>',
          'Take an environment back to the release before',
          (rollback) =>
            environment(rollback).options({
              'to-current': {
                type: 'boolean',
                default: false,
                describe: 'Put the release that runs back to what was verified',
              },
              reason: {
                type: 'string',
                requiresArg: true,
                default: 'taken back by hand',
                describe: 'Kept in the record',
              },
            }),
          (options) => choose(async (context) => (await actions()).goBack(options, context)),
        )
        .command(
          'status',
          'The releases of every environment',
          (status) => json(environments(status)),
          (options) => choose(async (context) => (await actions()).showStatus(options, context)),
        ),
    (options) => choose(async (context) => (await actions()).promoteRelease(options, context)),
  );
