// `npm run chaos`: real services and servers, real faults, and a verdict on every promise.
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { progressBar } from '@darkroom/testing';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { faultsFor } from './faults/index.ts';
import { plants } from './plants/index.ts';
import { isClean, renderReport } from './report.ts';
import { type ChaosOptions, runChaos } from './run-chaos.ts';

const FAULTS_A_JOB = 0.06;
/** For the start, a backlog and the verdict, beside the load itself. */
const BESIDE_MS = 12 * 60_000;
const LAST_RESORT_MS = 2 * 60_000;

/** The ordinary run: a lost message is missed as soon as it is wherever nobody tells otherwise. */
const ordinary = {
  ...{ jobs: 200, stallSeconds: 60, republishAfterMs: 10_000 },
  ...{ secondsAJob: 0.2, secondsAFault: 3.2, steps: 1 },
};

/**
 * To catch a plant: quicker, with workers that are seldom idle. No message is missed for ten minutes,
 * or the sweep would mend what a plant that loses messages does, and nothing would be wrong.
 */
const planted = {
  ...{ jobs: 300, stallSeconds: 30, republishAfterMs: 600_000 },
  ...{ secondsAJob: 0.1, secondsAFault: 2, steps: 8 },
};

const args = await yargs(hideBin(process.argv))
  .scriptName('npm run chaos --')
  .option('jobs', { type: 'number', describe: 'Requests of the load [200; with a plant 300]' })
  .option('seed', { type: 'number', default: 1, describe: 'Draws load and faults' })
  .option('faults', { type: 'number', describe: 'How many; 6% of the jobs unless told' })
  .option('kinds', { type: 'string', array: true, describe: 'Only faults whose name has this' })
  .option('plant', {
    choices: plants.map(({ name }) => name),
    describe: 'Plants a bug that the verdict must catch; exits 0 when it does',
  })
  .option('without-plant', {
    type: 'boolean',
    default: false,
    describe: 'The run of --plant, but without its bug: nothing may be wrong then',
  })
  .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
  .strict()
  .showHelpOnFail(false, 'npm run chaos -- --help lists the options.')
  .help()
  .parseAsync();

const plant = plants.find(({ name }) => name === args.plant);
const isPlanted = plant !== undefined && !args.withoutPlant;
const pace = plant === undefined ? ordinary : planted;
const jobs = args.jobs ?? pace.jobs;
const { seed } = args;
const faults = args.faults ?? Math.ceil(jobs * FAULTS_A_JOB);
const kinds = faultsFor({ kinds: args.kinds ?? plant?.kinds, targets: plant?.targets });
const runName = [plant?.name, args.withoutPlant ? 'without' : undefined, `seed-${seed}`, jobs];
const folder = fileURLToPath(
  new URL(
    `../../out/chaos/${runName.filter((part) => part !== undefined).join('-')}`,
    import.meta.url,
  ),
);

const breakOff = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => breakOff.abort(new Error(`ended by ${signal}`)));
}
const longestMs =
  Math.max(jobs * pace.secondsAJob, faults * pace.secondsAFault) * 1_000 + BESIDE_MS;
const late = `not over after ${Math.round(longestMs / 60_000)} minutes`;
setTimeout(() => breakOff.abort(new Error(late)), longestMs).unref();
// Where even breaking off hangs. The report is there, and the keeper ends what is left.
setTimeout(() => process.exit(1), longestMs + LAST_RESORT_MS).unref();

const bar = progressBar('finished', jobs);
let shown = 0;
const preload = new URL(`./plants/preload.ts?plant=${plant?.name}`, import.meta.url).href;
const options: ChaosOptions = {
  ...pace,
  ...{ jobs, seed, faults, kinds, folder },
  ...(isPlanted && { plant, preload }),
  signal: breakOff.signal,
  onProgress: ({ finished }) => {
    for (; shown < finished; shown++) bar.advance();
  },
};
const report = await runChaos(options);
bar.stop();
console.log(args.json ? JSON.stringify(report, null, 2) : renderReport(report));
console.error(`chaos: logs, ledger and report in ${join(folder, '/')}`);

const isCaught = (report.verdict?.breaches.length ?? 0) > 0;
if (isPlanted) {
  const by = new Set(report.verdict?.breaches.map(({ promise }) => promise));
  const said = isCaught ? `caught, by what was ${[...by].join(' and ')}` : 'NOT caught';
  console.error(`chaos: ${plant.name} (${plant.bug}): ${said}`);
}
process.exit((isPlanted ? isCaught : isClean(report)) ? 0 : 1);
