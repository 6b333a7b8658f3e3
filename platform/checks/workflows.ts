import { parse } from 'yaml';

/** What is read here of a workflow, or of an action that is made of steps. */
type Workflow = {
  on?: Record<string, unknown>;
  permissions?: Record<string, string>;
  jobs?: Record<string, Job>;
  runs?: { steps: Step[] };
};
type Job = {
  permissions?: Record<string, string>;
  secrets?: unknown;
  uses?: string;
  steps?: Step[];
};
type Step = { uses?: string; run?: string };

/** A commit of an action, with its version for the reader. */
const pinned = /^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+){2}$/;

/**
 * What actionlint does not ask of a workflow: rights, pins, commands and secrets.
 *
 * @param text of a workflow, or of an action that is made of steps
 * @param scripts the names that `npm run` knows
 * @returns each problem, with what to do
 */
export function checkWorkflow(text: string, scripts: readonly string[]): string[] {
  const workflow: Workflow = parse(text);
  const jobs = Object.entries(workflow.jobs ?? {});
  return [
    ...checkPins(text),
    ...(workflow.jobs === undefined ? [] : checkRights(workflow, jobs)),
    ...scriptsOf(text).flatMap((script) => checkCommands(script, scripts)),
  ];
}

/** The scripts that a workflow, or an action that is made of steps, gives to a shell. */
export function scriptsOf(text: string): string[] {
  const { jobs = {}, runs }: Workflow = parse(text);
  const steps = runs?.steps ?? Object.values(jobs).flatMap((job) => job.steps ?? []);
  return steps.flatMap(({ run }) => run ?? []);
}

/** By line, because a version stands in a comment. */
function checkPins(text: string): string[] {
  return [...text.matchAll(/^[\s-]*uses:\s*(.*?)\s*$/gm)]
    .map(([, used = '']) => used)
    .filter((used) => !used.startsWith('./') && !pinned.test(used))
    .map((used) => `${used} may be moved by others; name the commit, and its version in a comment`);
}

function checkRights(workflow: Workflow, jobs: [string, Job][]): string[] {
  const problems: string[] = [];
  if (JSON.stringify(workflow.permissions) !== '{}') {
    problems.push('every job has some rights; say `permissions: {}`, and let each ask for its own');
  }
  for (const [name, job] of jobs) {
    if (job.permissions === undefined) problems.push(`${name} does not say its permissions`);
    if (!('pull_request' in (workflow.on ?? {}))) continue;
    const more = Object.entries(job.permissions ?? {}).filter(
      ([scope, right]) => `${scope}: ${right}` !== 'contents: read',
    );
    if (more.length > 0 || job.secrets !== undefined) {
      problems.push(`${name} runs what a pull request says, so it may read the sources alone`);
    }
  }
  return problems;
}

function checkCommands(run: string, scripts: readonly string[]): string[] {
  const problems: string[] = [];
  // An expression is put into the text of the script before a shell reads it.
  if (run.includes('${{')) {
    problems.push('a script has an expression in it; give it as a variable in `env`');
  }
  for (const [, script = ''] of run.matchAll(/\bnpm (?:run(?:-script)?)(?: -\S+)* ([\w:-]+)/g)) {
    if (!scripts.includes(script)) problems.push(`package.json has no script ${script}`);
  }
  return problems;
}
