import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { createInterface } from 'node:readline/promises';
import { tell as tellFinding } from '../../platform/checks/finding.ts';
import { tellDifference } from '../promotion/differences.ts';
import { drift, type EnvironmentStatus, status, verify } from '../promotion/look.ts';
import { type Plan, tellPlan } from '../promotion/plan.ts';
import { promote } from '../promotion/promote.ts';
import type { Report } from '../promotion/report.ts';
import { rollback } from '../promotion/rollback.ts';
import { type Environments, environmentsFolder } from './environments-folder.ts';
import { CommandFailure, UsageError } from './failure.ts';
import { findCrane } from './find-crane.ts';
import type { Context } from './run-command.ts';

type PromoteArguments = Environments & {
  from: string | undefined;
  to: string | undefined;
  release: string | undefined;
  releases: string;
  dryRun: boolean;
  yes: boolean;
  forceConflicts: boolean;
  retry: boolean;
  report: string | undefined;
  json: boolean;
};

export async function promoteRelease(options: PromoteArguments, context: Context): Promise<void> {
  const { to, from, release } = options;
  const { note, signal, print } = context;
  const { userPath } = context.config;
  if (to === undefined) throw new UsageError('say where to: --to ENVIRONMENT');
  if (from === undefined && release === undefined) {
    throw new UsageError('say what: --from ENVIRONMENT, or --release FOLDER where it enters');
  }
  const report = await promote({
    environments: environmentsFolder(options, context),
    to,
    from,
    release: release && userPath(release),
    releases: userPath(options.releases),
    crane: await findCrane(context),
    dryRun: options.dryRun,
    forceConflicts: options.forceConflicts,
    retry: options.retry,
    note,
    approve: (plan) => approve(plan, { ...options, note }),
    signal,
  });
  if (options.report !== undefined) {
    await writeFile(userPath(options.report), `${JSON.stringify(report, null, 2)}\n`);
  }
  print(options.json ? JSON.stringify(report, null, 2) : summary(report));
  const { outcome, reason } = report;
  const { release: name } = report.plan;
  if (outcome === 'taken back') {
    throw new CommandFailure(`${name} does not work in ${to} and was taken back: ${reason}`);
  }
  if (outcome === 'failed') {
    throw new CommandFailure(
      `${name} does not work in ${to}, which had no release to go back to: ${reason}`,
    );
  }
  if (outcome === 'not approved')
    throw new CommandFailure('the plan was not approved; nothing was changed');
}

/** Whether somebody says yes to what is shown. */
async function approve(
  plan: Plan,
  { yes, note }: { yes: boolean; note: (line: string) => void },
): Promise<boolean> {
  note(tellPlan(plan));
  if (yes) return true;
  if (!process.stdin.isTTY) {
    throw new UsageError(
      'nobody can be asked whether the plan is approved: give --yes, or --dry-run',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test(await terminal.question('Carry it out? [y/N] '));
  } finally {
    terminal.close();
  }
}

const summary = ({ outcome, plan, steps, providers }: Report): string => {
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const ranOn = Object.entries(providers).map(([model, provider]) => `${model} on ${provider}`);
  if (outcome === 'planned') return tellPlan(plan);
  return [
    `${plan.release}: ${outcome} in ${plan.to}, ${plan.changes.length} objects, ${seconds.toFixed(0)} s`,
    ...(ranOn.length > 0 ? [`ran: ${ranOn.join(', ')}`] : []),
  ].join('\n');
};

export async function verifyClusters(
  options: Environments & { one: string; other: string; json: boolean },
  context: Context,
): Promise<void> {
  const { one, other } = options;
  const findings = await verify(environmentsFolder(options, context), [one, other], context.signal);
  if (options.json) context.print(JSON.stringify({ differences: findings }, null, 2));
  else context.print(findings.map(tellFinding).join('\n') || `${one} and ${other} are the same`);
  if (findings.length > 0) {
    throw new CommandFailure(`${one} and ${other} differ in ${findings.length} places`);
  }
}

export async function showDrift(
  options: Environments & { environment: string; json: boolean },
  context: Context,
): Promise<void> {
  const { environment } = options;
  const found = await drift(environmentsFolder(options, context), environment, context.signal);
  const { release, differences } = found;
  if (options.json) context.print(JSON.stringify(found, null, 2));
  else {
    context.print(
      differences.map(tellDifference).join('\n') ||
        `${environment} is what ${release} was when it was verified`,
    );
  }
  if (differences.length > 0) {
    throw new CommandFailure(
      `${environment} differs in ${differences.length} places from ${release}: put it right with ` +
        `\`darkroom promote rollback ${environment} --to-current\`, or release it`,
    );
  }
}

export async function goBack(
  options: Environments & { environment: string; toCurrent: boolean; reason: string },
  context: Context,
): Promise<void> {
  const { environment, toCurrent, reason } = options;
  const { note, signal } = context;
  const environments = environmentsFolder(options, context);
  const { release } = await rollback({
    environments,
    name: environment,
    toCurrent,
    reason,
    note,
    signal,
  });
  context.print(`${environment} runs ${release}`);
}

export async function showStatus(
  options: Environments & { json: boolean },
  context: Context,
): Promise<void> {
  const all = await status(environmentsFolder(options, context), context.signal);
  context.print(options.json ? JSON.stringify(all, null, 2) : all.map(tellStatus).join('\n\n'));
}

const tellStatus = (each: EnvironmentStatus): string => {
  const { environment, release, interrupted, unhealthy, history, problem } = each;
  if (problem !== undefined) return `${environment}: ${problem}`;
  return [
    `${environment}: ${release === undefined ? 'no release' : `${release.release}, verified at ${release.endedAt}`}`,
    ...(interrupted === undefined
      ? []
      : [`  a promotion of ${interrupted.release} was interrupted; run it again`]),
    ...unhealthy.map((line) => `  not running: ${line}`),
    ...history
      .filter((entry) => entry !== release && entry !== interrupted)
      .map(
        ({ state, release: name, endedAt, reason }) =>
          `  ${state} ${endedAt} ${name}${reason ? `: ${reason.split('\n')[0]}` : ''}`,
      ),
  ].join('\n');
};
