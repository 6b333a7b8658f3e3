import { type Scope, schedulerName, scope } from '@darkroom/contract';
import yargs, { type Argv } from 'yargs';
import { hideBin } from 'yargs/helpers';
import manifest from '../package.json' with { type: 'json' };
import { gpuCommands } from './cli/gpu.ts';
import { json } from './cli/json.ts';
import { modelCommands } from './cli/models.ts';
import { platformCommands } from './cli/platform.ts';
import { promotionCommands } from './cli/promotion.ts';
import { releaseCommands } from './cli/release.ts';
import { dataDir, remote } from './cli/service.ts';
import { UsageError } from './commands/failure.ts';
import { type Command, runCommand } from './commands/run-command.ts';

/** Set by the handler of the command that was named; run once the whole line has been checked. */
let command: Command | undefined;

const generation = <T>(line: Argv<T>) =>
  remote(line).positional('id', {
    type: 'string',
    demandOption: true,
    describe: 'Id of a generation',
  });

const parser = yargs(hideBin(process.argv))
  .scriptName('darkroom')
  .usage('$0 COMMAND: prompts in, pictures out')
  .version(manifest.version)
  .locale('en')
  .parserConfiguration({ 'duplicate-arguments-array': false })
  .strict()
  .recommendCommands()
  .demandCommand(1, 'say which command to run')
  .exitProcess(false)
  .wrap(Math.min(100, process.stdout.columns ?? 100))
  .fail((message, error) => {
    const fromYargs = error === undefined || error.name === 'YError';
    throw fromYargs ? new UsageError(message) : error;
  })
  .command(
    'generate <prompt>',
    'Make pictures from a prompt',
    (line) =>
      remote(line)
        .positional('prompt', { type: 'string', demandOption: true, describe: 'What to draw' })
        .options({
          'negative-prompt': { type: 'string', requiresArg: true, describe: 'What to keep out' },
          'long-prompt': {
            choices: ['truncate', 'chunks'] as const,
            describe: 'What to do with a prompt beyond 75 tokens [default: truncate]',
          },
          // As text, because numbers lose digits.
          seed: {
            type: 'string',
            requiresArg: true,
            describe: '0 to 18446744073709551615; same seed, same picture; -1 draws one',
          },
          steps: { type: 'number', requiresArg: true, describe: 'Denoising steps' },
          'guidance-scale': {
            type: 'number',
            requiresArg: true,
            describe: 'How closely to follow the prompt',
          },
          scheduler: {
            type: 'string',
            requiresArg: true,
            describe: schedulerName.options.join(', '),
          },
          karras: { type: 'boolean', describe: 'Use the Karras noise schedule' },
          width: { type: 'number', requiresArg: true, describe: 'In pixels' },
          height: { type: 'number', requiresArg: true, describe: 'In pixels' },
          count: {
            type: 'number',
            requiresArg: true,
            describe: 'Pictures; picture i uses seed + i',
          },
          model: { type: 'string', requiresArg: true, describe: 'A name that `models list` shows' },
          'init-image': { type: 'string', requiresArg: true, describe: 'A picture to start from' },
          mask: {
            type: 'string',
            requiresArg: true,
            describe: 'White of it is painted, black kept',
          },
          strength: {
            type: 'number',
            requiresArg: true,
            describe: 'Share of the steps that is run',
          },
          preview: {
            type: 'string',
            requiresArg: true,
            describe:
              'A file that ends in .jpg: the newest rough picture on the way, while it is made',
          },
          output: {
            type: 'string',
            requiresArg: true,
            alias: 'o',
            default: '.',
            describe:
              'A file that ends in .png, or a folder (end its name with / where it has a dot)',
          },
        }),
    (options) => {
      command = async (context) =>
        (await import('./commands/generate.ts')).generate(options, context);
    },
  )
  .command(
    'reproduce <file>',
    'Make a picture again from what its PNG file says, and tell the difference',
    (line) =>
      remote(line)
        .positional('file', {
          type: 'string',
          demandOption: true,
          describe: 'A PNG file that Darkroom has made',
        })
        .option('output', {
          type: 'string',
          requiresArg: true,
          alias: 'o',
          describe: 'Where to write the new picture [default: nowhere]',
        }),
    (options) => {
      command = async (context) =>
        (await import('./commands/reproduce.ts')).reproduce(options, context);
    },
  )
  .command(
    'serve',
    'Run the embedded service until it is stopped',
    (line) =>
      dataDir(line)
        .option('port', {
          type: 'number',
          requiresArg: true,
          describe: 'Port [default: PORT or 8080]',
        })
        .option('host', {
          type: 'string',
          requiresArg: true,
          default: '127.0.0.1',
          describe: 'Address',
        }),
    (options) => {
      command = async (context) => (await import('./commands/serve.ts')).serve(options, context);
    },
  )
  .command(
    'demo',
    'Make pictures from several prompts and show what came out',
    (line) =>
      dataDir(line).option('output', {
        type: 'string',
        requiresArg: true,
        alias: 'o',
        describe: 'Folder [default: out in the project]',
      }),
    (options) => {
      command = async (context) => (await import('./commands/demo.ts')).demo(options, context);
    },
  )
  .command('jobs', 'See, cancel and repeat generations', (line) =>
    line
      .demandCommand(1, 'say what to do: list, show, watch, cancel, redrive or delete')
      .command(
        'list',
        'The newest generations',
        (inner) =>
          remote(inner)
            .option('limit', {
              type: 'number',
              requiresArg: true,
              default: 20,
              describe: 'How many',
            })
            .option('state', {
              choices: ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const,
              describe: 'Only those in this state',
            }),
        (options) => {
          command = async (context) => (await import('./commands/jobs.ts')).list(options, context);
        },
      )
      .command('show <id>', 'One generation', generation, (options) => {
        command = async (context) => (await import('./commands/jobs.ts')).show(options, context);
      })
      .command('watch <id>', 'Follow one generation to its end', generation, (options) => {
        command = async (context) => (await import('./commands/jobs.ts')).watch(options, context);
      })
      .command('delete <id>', 'Remove a finished one with its pictures', generation, (options) => {
        command = async (context) => (await import('./commands/jobs.ts')).remove(options, context);
      })
      .command('cancel <id>', 'Stop one generation', generation, (options) => {
        command = async (context) => (await import('./commands/jobs.ts')).cancel(options, context);
      })
      .command('redrive <id>', 'Repeat one that failed or was canceled', generation, (options) => {
        command = async (context) => (await import('./commands/jobs.ts')).redrive(options, context);
      }),
  )
  .command(
    'definitions',
    'Print what RabbitMQ is to load: exchanges, queues and bounds of the catalogue MODELS',
    (line) =>
      line.option('vhost', {
        type: 'string',
        requiresArg: true,
        default: '/',
        describe: 'Virtual host that it is for',
      }),
    (options) => {
      command = async (context) =>
        (await import('./commands/definitions.ts')).definitions(options, context);
    },
  )
  .command('keys', 'Make API keys', (line) =>
    line.demandCommand(1, 'say what to do: create').command(
      'create',
      'Print a new API key, once, and its entry for API_KEYS_FILE',
      (inner) =>
        json(inner)
          .option('tenant', {
            type: 'string',
            requiresArg: true,
            demandOption: true,
            describe: 'Whose generations it makes and sees',
          })
          .option('scopes', {
            array: true,
            choices: scope.options,
            default: ['generations:write', 'generations:read'],
            coerce: (given: string[]) => given.flatMap((each) => each.split(',')) as Scope[],
            describe: 'What it may do',
          })
          .option('id', {
            type: 'string',
            requiresArg: true,
            describe: 'Its name in logs [default: the tenant and a number]',
          })
          .option('not-after', {
            type: 'string',
            requiresArg: true,
            describe: 'When it ends to be valid, such as 2030-01-31T12:00:00Z',
          }),
      (options) => {
        command = async (context) => (await import('./commands/keys.ts')).create(options, context);
      },
    ),
  )
  .check((options) => {
    const wrong = Object.keys(options).find((name) => Number.isNaN(options[name]));
    if (wrong !== undefined) throw new UsageError(`--${wrong} must be a number`);
    return true;
  });

const choose = (chosen: Command) => {
  command = chosen;
};
gpuCommands(parser, choose);
modelCommands(parser, choose);
platformCommands(parser, choose);
releaseCommands(parser, choose);
promotionCommands(parser, choose);

await runCommand(async (context) => {
  await parser.parseAsync();
  await command?.(context);
});
