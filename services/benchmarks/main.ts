import { availableParallelism } from 'node:os';
import process from 'node:process';
import { onSignals } from '@darkroom/lifecycle';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { meets, type Report, renderReport } from './report.ts';

/** Prints the report and exits 1 when a bar is missed. */
async function show(json: boolean, measure: () => Promise<Report>): Promise<void> {
  const report = await measure();
  console.log(json ? JSON.stringify(report, null, 2) : renderReport(report));
  if (!report.figures.every(meets)) process.exitCode = 1;
}

await yargs(hideBin(process.argv))
  .scriptName('npm run bench --')
  .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
  .command(
    'accept',
    'How many requests a second are recorded and confirmed, against BullMQ and pg-boss?',
    (command) =>
      command
        .option('connections', { type: 'number', default: 128 })
        .option('rounds', { type: 'number', default: 4, describe: 'Of all in turn' })
        .option('seconds', { type: 'number', default: 8, describe: 'Each turn' }),
    async (args) => {
      const { measureAccept } = await import('./accept.ts');
      await show(args.json, () => measureAccept(args));
    },
  )
  .command(
    'adherence',
    'Do the pictures show what held-out prompts ask for?',
    (command) =>
      command
        .option('prompts', { type: 'number', default: 300 })
        .option('seed', { type: 'number', default: 1, describe: 'Draws other prompts' })
        .option('steps', { type: 'number' })
        .option('guidance-scale', { type: 'number' })
        .option('scheduler', { type: 'string' }),
    async (args) => {
      const { measureAdherence } = await import('./adherence.ts');
      await show(args.json, () => measureAdherence(args));
    },
  )
  .command(
    'batching',
    'What does the engine make of several requests at once?',
    (command) =>
      command
        .option('slots', { type: 'number', default: 8, describe: 'Pictures at once' })
        .option('pictures', { type: 'number', default: 64, describe: 'Each round' })
        .option('rounds', { type: 'number', default: 5 }),
    async (args) => {
      const { measureBatching } = await import('./batching.ts');
      await show(args.json, () => measureBatching(args));
    },
  )
  .command(
    'drain',
    'How many jobs a second do four workers finish, and how long does one wait?',
    (command) =>
      command
        .option('jobs', { type: 'number', default: 10_000, describe: 'On the queue, each turn' })
        .option('rounds', { type: 'number', default: 3, describe: 'Of all in turn' })
        .option('slots', {
          type: 'number',
          default: 1,
          describe: 'Jobs at once in a worker; a deployed worker has 1',
        }),
    async (args) => {
      const { measureDrain } = await import('./drain.ts');
      await show(args.json, () => measureDrain(args));
    },
  )
  .command(
    'engine',
    'What does the engine add to the model’s own time?',
    (command) =>
      command
        .option('pairs', { type: 'number', default: 30, describe: 'Interleaved pairs' })
        .option('steps', { type: 'number', default: 20 }),
    async (args) => {
      const { measureEngine } = await import('./engine.ts');
      await show(args.json, () => measureEngine(args));
    },
  )
  .command(
    'full-size',
    'What do models of the size that people have take of time and memory?',
    (command) =>
      command
        .option('models', {
          choices: ['sd-1.5', 'sdxl-base'] as const,
          array: true,
          default: ['sd-1.5', 'sdxl-base'] as const,
          describe: 'Of 4.3 and 14 GB, made on the disk one after the other',
        })
        .option('rounds', { type: 'number', default: 2, describe: 'Of all graphs in turn' })
        .option('threads', {
          type: 'number',
          default: availableParallelism(),
          describe: 'Of the runtime',
        })
        .option('keep', { type: 'boolean', default: false, describe: 'Leave the models' }),
    async (args) => {
      const { measureFullSize } = await import('./full-size.ts');
      await show(args.json, () => measureFullSize(args));
    },
  )
  .command(
    'overload',
    'Does ten times too much load harm what is accepted?',
    (command) =>
      command
        .option('seconds', { type: 'number', default: 60 })
        .option('times', { type: 'number', default: 10, describe: 'Of what workers finish' }),
    async (args) => {
      const { measureOverload } = await import('./overload.ts');
      await show(args.json, () => measureOverload(args));
    },
  )
  .command(
    'peers-engine',
    'How fast is the engine, against Optimum’s pipeline in Python on the same files?',
    (command) =>
      command
        .option('rounds', { type: 'number', default: 5, describe: 'Starts of both sides' })
        .option('pairs', { type: 'number', default: 10, describe: 'Of pictures, each round' })
        .option('large-rounds', {
          type: 'number',
          default: 3,
          describe: 'With a model of the size of Stable Diffusion 1.5 (4.3 GB); 0: without',
        })
        .option('threads', {
          type: 'number',
          default: availableParallelism(),
          describe: 'Of the runtime, both sides',
        })
        .option('python', {
          type: 'string',
          describe: 'A Python with optimum-onnx; one is installed (6 GB) when absent',
        })
        .option('keep', { type: 'boolean', default: false, describe: 'Leave the large model' }),
    async (args) => {
      const { measurePeersEngine } = await import('./peers-engine.ts');
      await show(args.json, () => measurePeersEngine(args));
    },
  )
  .command(
    'retention',
    'How long are results visible, and their objects kept, once their time has passed?',
    (command) => command.option('generations', { type: 'number', default: 10_000 }),
    async (args) => {
      const { measureRetention } = await import('./retention.ts');
      await show(args.json, () => measureRetention(args));
    },
  )
  .command(
    'scale',
    'What do a thousand GPU nodes and a burst for all of them ask of a control plane?',
    (command) =>
      command
        .option('nodes', { type: 'number', default: 1_000, describe: 'Of four GPUs, by kwok' })
        .option('jobs', { type: 'number', default: 10_000 })
        .option('keep', { type: 'boolean', default: false, describe: 'Leave the cluster' }),
    async (args) => {
      const { measureScale } = await import('./scale.ts');
      // Unlike the others' servers, its cluster would outlive this process.
      const stop = new AbortController();
      onSignals({
        graceful: (signal) => stop.abort(new Error(`interrupted by ${signal}`)),
        forceful: () => process.exit(1),
      });
      await show(args.json, () => measureScale({ ...args, signal: stop.signal }));
    },
  )
  .command(
    'service',
    'What does the service add, on real RabbitMQ, Postgres and S3?',
    (command) =>
      command
        .option('requests', { type: 'number', default: 300 })
        .option('interval-ms', { type: 'number', default: 200 }),
    async (args) => {
      const { measureService } = await import('./service.ts');
      await show(args.json, () => measureService(args));
    },
  )
  .command(
    'watches',
    'Does a crowd of watches harm creates, and does every watch see the end?',
    (command) =>
      command
        .option('watches', { type: 'number', default: 2_000, describe: 'Of all tenants together' })
        .option('tenants', { type: 'number', default: 10, describe: 'Each with a running job' })
        .option('steps-per-second', { type: 'number', default: 40, describe: 'Of each job' }),
    async (args) => {
      const { measureWatches } = await import('./watches.ts');
      await show(args.json, () => measureWatches(args));
    },
  )
  .demandCommand(1, 'Name a benchmark.')
  .strict()
  .showHelpOnFail(false, 'npm run bench -- --help lists the benchmarks and their options.')
  .help()
  .parseAsync();
