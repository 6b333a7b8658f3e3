// Makes one picture of each task of a tiny model on webgpu, for a test: the driver is named by the environment
// that a process begins with. Writes a line of JSON for each: the task and the decoder's values, base64.
import process from 'node:process';
import { loadObserved } from '../pipelines/load-observed.ts';
import { cases, requestOf } from './families.ts';

const [, , folder = '', path = ''] = process.argv;
const executionProviders = ['webgpu', 'cpu'];
const { pipeline, provider } = await loadObserved(path, { executionProviders });
const own = cases.filter((one) => one.folder === folder);
for (const one of new Map(own.map((each) => [each.request.task, each])).values()) {
  const pixels = await pipeline.decode(requestOf(one));
  const values = Buffer.from(pixels.buffer).toString('base64');
  process.stdout.write(`${JSON.stringify({ index: cases.indexOf(one), provider, values })}\n`);
}
await pipeline.release();
