import { gapsInLockFile } from './lock-file.ts';

/** A rule about the text of files, for what no parser of ours knows. */
export type TextRule = {
  name: string;
  /** Printed with every finding: why the rule stands and what to do. */
  reason: string;
  /** The files it reads, by path from the repository's root. */
  files: RegExp;
  except?: RegExp;
  /** Says what is wrong, or nothing. */
  find: (text: string) => { line: number; excerpt: string }[];
};

export type Finding = { rule: string; reason: string; file: string; line: number; excerpt: string };

/** Every line that matches. */
function lines(pattern: RegExp): TextRule['find'] {
  return (text) =>
    text
      .split('\n')
      .map((content, index) => ({ line: index + 1, excerpt: content.trim().slice(0, 120) }))
      .filter(({ excerpt }) => pattern.test(excerpt));
}

const code = /\.(ts|js|mjs|cjs)$/;
/** Sources of the product itself; benchmarks, chaos suite and tests' servers are programs around it. */
const product = /^services\/(?!(benchmarks|chaos|testing)\/).*\.ts$/;
const longestFile = 300;

export const textRules: TextRule[] = [
  {
    name: 'lock-file-without-hosts',
    reason:
      'The lock file names no registry, so that any mirror can serve it. Set ' +
      '`omit-lockfile-registry-resolved=true` (.npmrc has it) and run `npm install` again.',
    files: /^package-lock\.json$/,
    find: lines(/"resolved": "(?!services\/)/),
  },
  {
    name: 'lock-file-complete',
    reason:
      '`npm ci` needs every package, those for other platforms included. npm does not add what a ' +
      'lock file lacks: `npm uninstall` the direct dependency behind the gap and `npm install` it ' +
      'again, from a registry that has all of them.',
    files: /^package-lock\.json$/,
    find: (text) => gapsInLockFile(text).map((excerpt) => ({ line: 1, excerpt })),
  },
  {
    name: 'no-machine-paths',
    reason:
      'A path of one machine is wrong on every other. Build it from import.meta.url, a flag or ' +
      'a temporary folder.',
    files: /\.(ts|js|mjs|json|jsonc|md|py|sh|ya?ml|toml)$|Dockerfile|^\.ci\//,
    except: /^package-lock\.json$|\/model\//,
    find: lines(/(?<![\w.~$}*/-])\/(work|home|root|Users)\/[\w.-]/),
  },
  {
    name: 'no-silent-tests',
    reason:
      'A test that is skipped or focused hides the others. Delete it, fix it, or let its tier ' +
      'announce what it needs.',
    files: /\.test\.ts$|\/testing\//,
    find: lines(/\b(describe|it|test|suite)(\.\w+)*\.(only|skip|todo|skipIf|runIf|fails)\b/),
  },
  {
    name: 'no-notes-to-self',
    reason: 'Unfinished work belongs in an issue, where somebody looks.',
    files: code,
    except: /^scripts\/checks\/text-rules/,
    find: lines(/\b(TODO|FIXME|XXX|HACK)\b/),
  },
  {
    name: 'only-config-reads-environment',
    reason:
      'config.ts reads the environment once, into a validated type, and reports every error ' +
      'together; whatever else needs a value gets it as an argument.',
    files: product,
    except: /(^|\/)config\.ts$|\.test\.ts$|\/(test|testing|training)\//,
    find: lines(
      /^(?!\/\/|\*|\/\*).*(\bprocess\.env\b|\benv\b.*(from ['"](node:)?process['"]|\} = process;))/,
    ),
  },
  {
    name: 'only-main-exits',
    reason:
      "Only a process's own file (main.ts, the worker's child.ts, fetch-model.ts and canary.ts) ends it or installs signal " +
      'handlers: anywhere else that takes the shutdown of everything around it away. Throw, or ' +
      'return what happened.',
    files: product,
    except: /(^|\/)(main|child|fetch-model|canary)\.ts$|\.test\.ts$|\/(test|testing|training)\//,
    find: lines(/\bprocess\.(exit\(|exitCode\s*=)|\bprocess\.(on|once)\(\s*['"]SIG/),
  },
  {
    name: 'only-main-connects',
    reason:
      'Only main.ts constructs clients; the rest of a service gets them as arguments, so that tests ' +
      'and the embedded service can give it others.',
    files: /^services\/(frontend|worker)\/.*\.ts$/,
    except: /(^|\/)main\.ts$|\.test\.ts$|\/testing\//,
    find: lines(/\b(connect|migrate|open)[A-Z]\w*\(/),
  },
  {
    name: 'files-stay-short',
    reason:
      `Files of 60 to 120 lines are read in one go; past ${longestFile} lines (numerics ` +
      'excepted) a file does more than one thing. Split it by its nouns.',
    files: code,
    except: /^services\/diffusion\//,
    find: (text) => {
      const count = text.split('\n').length - 1;
      return count > longestFile ? [{ line: count, excerpt: `${count} lines` }] : [];
    },
  },
];

/** Applies every rule to one file. */
export function findIn(file: string, text: string): Finding[] {
  return textRules
    .filter(({ files, except }) => files.test(file) && !except?.test(file))
    .flatMap(({ name, reason, find }) =>
      find(text).map((finding) => ({ rule: name, reason, file, ...finding })),
    );
}
