import type { Argv } from 'yargs';
import type { Command } from '../commands/run-command.ts';
import { json } from './json.ts';
import { dataDir, remote } from './service.ts';

const actions = () => import('../commands/models.ts');

/**
 * Declares the commands that are about models.
 *
 * @param choose is given the command that was named, which runs once the whole line has been checked
 */
export const modelCommands = <T>(line: Argv<T>, choose: (command: Command) => void): Argv<T> =>
  line.command('models', 'See, get and check models', (inner) =>
    inner
      .demandCommand(1, 'say what to do: list, pull, verify, rm or push')
      .command(
        'list',
        'The models that may be asked for',
        (list) =>
          remote(list).option('local', {
            type: 'boolean',
            default: false,
            describe: 'Instead those that were pulled to this machine',
          }),
        (options) => choose(async (context) => (await actions()).list(options, context)),
      )
      .command(
        'pull <model>',
        'Get a model from a Hugging Face-compatible hub (HF_ENDPOINT, HF_TOKEN) into MODEL_DIR',
        (pull) =>
          json(dataDir(pull))
            .positional('model', {
              type: 'string',
              demandOption: true,
              describe: 'ORG/NAME, or ORG/NAME@REVISION: a branch, a tag or a commit',
            })
            .option('name', {
              type: 'string',
              requiresArg: true,
              describe: 'Its name here [default: NAME in small letters]',
            }),
        (options) =>
          choose(async (context) =>
            (await import('../commands/pull-model.ts')).pull(options, context),
          ),
      )
      .command(
        'verify',
        'Read every model of this machine from end to end and tell its digest',
        (verify) => json(dataDir(verify)),
        (options) => choose(async (context) => (await actions()).verify(options, context)),
      )
      .command(
        'rm <name>',
        'Remove a model that was pulled',
        (rm) =>
          json(dataDir(rm))
            .positional('name', { type: 'string', demandOption: true, describe: 'Its name here' })
            .option('yes', {
              type: 'boolean',
              default: false,
              describe: 'Even if the service on the data folder has it loaded',
            }),
        (options) => choose(async (context) => (await actions()).remove(options, context)),
      )
      .command(
        'push <folder>',
        'Put a model into the object store (S3_*) for workers to fetch',
        (push) =>
          json(push)
            .positional('folder', {
              type: 'string',
              demandOption: true,
              describe: 'The model, in the Hugging Face ONNX layout',
            })
            .option('name', {
              type: 'string',
              requiresArg: true,
              demandOption: true,
              describe: 'Its name in the catalogue',
            })
            .option('prefix', {
              type: 'string',
              requiresArg: true,
              default: 'models/',
              describe: "Where models are in the bucket: the workers' MODEL_SOURCE_PREFIX",
            }),
        (options) =>
          choose(async (context) =>
            (await import('../commands/push-model.ts')).push(options, context),
          ),
      ),
  );
