import { join } from 'node:path';
import process from 'node:process';
import { modelName } from '@darkroom/contract';
import { createHub } from '@darkroom/hub';
import { pullModel } from '@darkroom/worker';
import { readHubConfig } from './config.ts';
import { UsageError } from './failure.ts';
import { interruptedBy } from './interrupted.ts';
import { entryOf, writeCatalogue } from './model-entry.ts';
import { createPullView } from './pull-view.ts';
import type { Context } from './run-command.ts';
import { dataDirOf, modelDirOf } from './service.ts';

type PullOptions = {
  model: string;
  name?: string | undefined;
  dataDir?: string | undefined;
  json: boolean;
};

/** Brings a model of a hub into the folder of models, with a catalogue of it beside it. */
export async function pull(options: PullOptions, context: Context): Promise<void> {
  const { repository, revision, name } = parse(options);
  const { signal, note, print } = context;
  const hub = createHub(readHubConfig());
  const modelDir = modelDirOf(dataDirOf(options, context), context);
  const view = createPullView(process.stderr);
  const pulling = async () => {
    const source = await hub.findModel(repository, revision, signal);
    return await pullModel({
      source,
      name,
      modelDir,
      signal,
      onProgress: view.show,
      onWait: () => note(`another process pulls or removes ${name}; waiting for it`),
    });
  };
  const pulled = await pulling()
    .catch((error: unknown) => {
      const fate = 'what has come is kept; the same command goes on from there';
      throw interruptedBy(signal, error, fate);
    })
    .finally(view.close);
  const { commit, digest, files, size, fetched, folder } = pulled;
  const catalogue = join(modelDir, `${name}.json`);
  const entry = await entryOf(name, folder, `${repository} at ${commit.slice(0, 12)}`);
  await writeCatalogue(catalogue, entry);
  if (options.json) {
    const told = { name, repository, revision, commit, folder, digest, size, fetched, catalogue };
    return print(JSON.stringify({ ...told, files: files.length }, null, 2));
  }
  const came = fetched === 0 ? 'all there already' : `${inMiB(fetched)} fetched`;
  print(`${name}: ${files.length} files, ${inMiB(size)}, ${came}, ${repository}@${commit}`);
  print(`in ${folder}, digest ${digest}`);
  print(
    `Its steps, guidance and sizes are in ${catalogue}: see that they are those of its page. Then stop ` +
      'the embedded service if it runs, since it has the models that it started with, and:',
  );
  print(`  ${nextStep(options, context, { catalogue, name })}`);
}

/** What makes a picture with the model, on the same folders. */
function nextStep(
  { dataDir }: PullOptions,
  context: Context,
  { catalogue, name }: { catalogue: string; name: string },
): string {
  const folder =
    dataDir === undefined ? '' : ` --data-dir ${quoted(context.config.userPath(dataDir))}`;
  return `MODELS=${quoted(catalogue)} npm run -s darkroom -- generate "a prompt" --model ${name}${folder}`;
}

const quoted = (path: string) =>
  /^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

/** As the hub has names: letters, digits, `-`, `_` and `.`, and neither `..` nor `--`. */
const repositoryName = /^(?!.*(\.\.|--))[A-Za-z0-9_][\w.-]*\/[A-Za-z0-9_][\w.-]*$/;

function parse({ model, name }: PullOptions) {
  const [, repository = '', revision = 'main'] = /^([^@]*)(?:@(.+))?$/.exec(model) ?? [];
  if (!repositoryName.test(repository)) {
    throw new UsageError(
      `${JSON.stringify(model)} is no model of a hub: ORG/NAME or ORG/NAME@REVISION`,
    );
  }
  if (revision.includes('..') || /[\p{Cc}\s]/u.test(revision)) {
    throw new UsageError(`${JSON.stringify(revision)} is no revision: a branch, a tag or a commit`);
  }
  const given = name ?? nameOf(repository);
  if (modelName.safeParse(given).success) return { repository, revision, name: given };
  throw new UsageError(
    `${JSON.stringify(given)} is no model's name: give one with --name, of lower-case letters, digits and hyphens, at most 40`,
  );
}

/** `stabilityai/sd-turbo` is `sd-turbo` here. */
const nameOf = (repository: string) =>
  (repository.split('/')[1] ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');

const inMiB = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
