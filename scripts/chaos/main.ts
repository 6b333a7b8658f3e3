// `npm run chaos`: real services and servers, real faults, and a verdict on every promise.
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { progressBar } from '../benchmarks/progress.ts';
import { faultKinds } from './faults/index.ts';
import { isClean, renderReport } from './report.ts';
import { runChaos } from './run-chaos.ts';

const FAULTS_A_JOB = 0.06;
/** How old a message may be before it is taken for lost: it must be sent anew within a run. */
const REPUBLISH_AFTER_MS = 20_000;

const args = await yargs(hideBin(process.argv))
  .scriptName('npm run chaos --')
  .option('jobs', { type: 'number', default: 200, describe: 'Requests of the load' })
  .option('seed', { type: 'number', default: 1, describe: 'Draws load and faults' })
  .option('faults', { type: 'number', describe: 'How many; 6% of the jobs unless told' })
  .option('kinds', { type: 'string', array: true, describe: 'Only faults whose name has this' })
  .option('settle-seconds', { type: 'number', default: 120 })
  .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
  .strict()
  .help()
  .parseAsync();

const { jobs, seed, settleSeconds } = args;
const faults = args.faults ?? Math.ceil(jobs * FAULTS_A_JOB);
const kinds = faultKinds.filter(
  ({ name }) => args.kinds?.some((part) => name.includes(part)) ?? true,
);
const folder = fileURLToPath(new URL(`../../out/chaos/seed-${seed}-${jobs}`, import.meta.url));

const breakOff = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => breakOff.abort(new Error(`ended by ${signal}`)));
}
const bar = progressBar('finished', jobs);
let shown = 0;
const report = await runChaos({
  ...{ jobs, seed, faults, kinds, settleSeconds, folder },
  republishAfterMs: REPUBLISH_AFTER_MS,
  signal: breakOff.signal,
  onProgress: ({ finished }) => {
    for (; shown < finished; shown++) bar.advance();
  },
});
bar.stop();
console.log(args.json ? JSON.stringify(report, null, 2) : renderReport(report));
console.error(`chaos: logs, ledger and report in ${join(folder, '/')}`);
process.exit(isClean(report) ? 0 : 1);
