import type { Context } from './run-command.ts';
import { dataDirOf, startOn } from './service.ts';

type ServeOptions = { port?: number | undefined; host: string; dataDir?: string | undefined };

export async function serve(options: ServeOptions, context: Context): Promise<void> {
  const { config, signal, note } = context;
  const dataDir = dataDirOf(options, context);
  const listen = { port: options.port ?? config.port, host: options.host };
  const service = await startOn(dataDir, listen, context);
  note(`darkroom: serving on ${service.url}, state under ${dataDir}; Ctrl-C stops it`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
  note('darkroom: stopping; the picture in hand is finished first');
  await service.stop();
}
