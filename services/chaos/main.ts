// `npm run chaos`: real services and servers, real faults, and a verdict on every promise.
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { progressBar } from '@darkroom/testing';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { faultsFor } from './faults/index.ts';
import { modeOf } from './modes.ts';
import { plants } from './plants/index.ts';
import { isClean, renderReport } from './report.ts';
import { type ChaosOptions, runChaos } from './run-chaos.ts';

/** For the start, a backlog and the verdict, beside the load itself. */
const BESIDE_MS = 25 * 60_000;
const LONGEST_KILL_MS = 20_000;
const LAST_RESORT_MS = 2 * 60_000;

const args = await yargs(hideBin(process.argv))
  .scriptName('npm run chaos --')
  .option('jobs', {
    type: 'number',
    describe: 'Requests of the load [200; with a plant 300; with blips 40]',
  })
  .option('seed', { type: 'number', default: 1, describe: 'Draws load and faults' })
  .option('faults', {
    type: 'string',
    coerce: readFaults,
    describe: 'How many [6% of the jobs], or "blips": connections cut under long jobs, then kills',
  })
  .option('cuts', { type: 'number', describe: 'With blips: how many cuts [200]' })
  .option('kills', { type: 'number', describe: 'With blips: how many workers are killed [32]' })
  .option('pictures', { type: 'number', describe: 'With blips: of each job [16]' })
  .option('workers', { type: 'number', describe: 'With blips: how many run [4]' })
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
const mode = modeOf(args, plant);
const jobs = args.jobs ?? mode.jobs;
const kills = args.kills ?? mode.kills;
const { seed } = args;
const told = args.faults === 'blips' ? args.cuts : args.faults;
const faults = told ?? mode.faults(jobs);
const wanted = { kinds: args.kinds ?? plant?.kinds, targets: plant?.targets };
const kinds = faultsFor(wanted, mode.kinds);
const sort = plant?.name ?? (args.faults === 'blips' ? 'blips' : undefined);
const runName = [sort, args.withoutPlant ? 'without' : undefined, `seed-${seed}`, jobs];
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
  Math.max(jobs * mode.secondsAJob, faults * mode.secondsAFault) * 1_000 +
  kills * LONGEST_KILL_MS +
  BESIDE_MS;
const late = `not over after ${Math.round(longestMs / 60_000)} minutes`;
setTimeout(() => breakOff.abort(new Error(late)), longestMs).unref();
// Where even breaking off hangs. The report is there, and the keeper ends what is left.
setTimeout(() => process.exit(1), longestMs + LAST_RESORT_MS).unref();

const bar = progressBar('finished', jobs);
let shown = 0;
const preload = new URL(`./plants/preload.ts?plant=${plant?.name}`, import.meta.url).href;
const options: ChaosOptions = {
  ...mode,
  ...{ jobs, seed, faults, kinds, kills, folder },
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

function readFaults(text: string): number | 'blips' {
  if (text === 'blips') return text;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0) return count;
  throw new Error(`--faults is a whole number or "blips", not ${JSON.stringify(text)}`);
}
