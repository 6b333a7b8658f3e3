import { relative } from 'node:path';
import type { DarkroomClient, Generation } from '@darkroom/client/source';
import { table } from '@darkroom/testing/table';
import { contactSheet } from './contact-sheet.ts';
import { refuseUnfinished, type SavedPicture, savePictures } from './generate.ts';
import { interruptedBy } from './interrupted.ts';
import { type OutputPath, openOutput } from './output-path.ts';
import { createProgressView } from './progress-view.ts';
import type { Context } from './run-command.ts';
import { type ServiceOptions, withService } from './service.ts';

/** In the words that the built-in model was trained on. */
const demoPrompts = [
  'a large red star on a blue background',
  'a green circle left of a yellow square on white',
  'a small pink heart at the top left on black',
  'a large yellow ring on a purple background',
  'a cyan diamond above an orange triangle on black',
  'a blue cross right of a red circle on yellow',
  'a small white square at the bottom right on green',
  'a large purple triangle in the middle on a cyan background',
];

type DemoOptions = Pick<ServiceOptions, 'dataDir'> & { output?: string | undefined };
type Made = { generation: Generation; pictures: SavedPicture[] };

export async function demo(options: DemoOptions, context: Context): Promise<void> {
  const { config, note, print } = context;
  const folder =
    options.output === undefined ? config.projectPath('out') : config.userPath(options.output);
  const output = await openOutput(folder, demoPrompts.length);
  const keys = demoPrompts.map(() => crypto.randomUUID());

  note('darkroom: starting the embedded service …');
  const made = await withService(options, context, (client) =>
    makePictures(client, keys, output, context.signal),
  );
  const sheet = contactSheet(
    made.flatMap(({ pictures }) => pictures.map(({ png }) => png)),
    { columns: 4, zoom: 3, gap: 12 },
  );
  const sheetFile = await output.write('contact-sheet.png', sheet);

  const rows = made.flatMap(({ generation: { request, timings }, pictures }) =>
    pictures.map(({ file, seed }) => [
      request.prompt,
      String(seed),
      String(request.steps),
      ((timings.inferenceMs ?? 0) / 1000).toFixed(2),
      relative(config.userPath('.'), file),
    ]),
  );
  print(table([['PROMPT', 'SEED', 'STEPS', 'SECONDS', 'FILE'], ...rows]).join('\n'));
  print(`all of them on one sheet: ${relative(config.userPath('.'), sheetFile)}`);
}

/** All prompts at once: the queue keeps the order, the worker takes them one by one. */
async function makePictures(
  client: DarkroomClient,
  keys: readonly string[],
  output: OutputPath,
  signal: AbortSignal,
): Promise<Made[]> {
  const view = createProgressView(process.stderr);
  const makeOne = async (prompt: string, index: number): Promise<Made> => {
    const onProgress = view.add(prompt);
    const generation = await client.generate(
      { model: 'pinhole', prompt, seed: index + 1, idempotencyKey: keys[index] },
      { onProgress: (_, present) => onProgress(present), signal },
    );
    refuseUnfinished(generation);
    return { generation, pictures: await savePictures(client, generation, output, signal) };
  };
  // All of them, so that when one fails the others are canceled before the service goes.
  const ended = await Promise.allSettled(demoPrompts.map(makeOne)).finally(() => view.close());
  const fate = 'the pictures that were not finished are canceled';
  return ended.map((one) => {
    if (one.status === 'rejected') throw interruptedBy(signal, one.reason, fate);
    return one.value;
  });
}
