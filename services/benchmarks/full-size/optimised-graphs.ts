import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { progressBar } from '@darkroom/testing';
import { startNode } from '../pictures/measured-process.ts';
import type { Figure } from '../report.ts';
import type { UnetOrder, UnetRun } from './unet-session.ts';

const RUNS = 2;
const graphs = ['exported', 'engine', 'copy'] as const;
type Graph = (typeof graphs)[number];
type Measured = { startMs: number[]; runMs: number[]; peakBytes: number; output: Float32Array };

const names: Record<Graph, string> = {
  exported: 'exported graph',
  engine: 'attention fused',
  copy: 'attention fused, optimised copy',
};

/**
 * The UNet as exported, as the engine loads it, and from the copy that the engine keeps of what the runtime's
 * optimizer has made of it: start and runs, each in processes of their own, in turn.
 */
export async function compareGraphs(
  folder: string,
  { threads, rounds }: { threads: number; rounds: number },
): Promise<Figure[]> {
  const copies = join(folder, 'copies');
  const order: Omit<UnetOrder, 'graph'> = {
    folder,
    copies,
    threads,
    latents: { batch: 2, height: 64, width: 64 },
  };
  const bar = progressBar('UNets, processes', 1 + rounds * graphs.length);
  try {
    const writer = await startNode<UnetRun>('full-size/unet-session.ts', {
      ...order,
      graph: 'copy',
    });
    await writer.end();
    bar.advance();
    const measured = new Map<Graph, Measured>();
    for (let round = 0; round < rounds; round++) {
      for (const graph of graphs) {
        measured.set(graph, await measure({ ...order, graph }, measured.get(graph)));
        bar.advance();
      }
    }
    bar.stop();
    return figuresOf(measured);
  } finally {
    await rm(copies, { recursive: true, force: true });
  }
}

async function measure(order: UnetOrder, before?: Measured): Promise<Measured> {
  const process = await startNode<UnetRun>('full-size/unet-session.ts', order);
  const all = before ?? { startMs: [], runMs: [], peakBytes: 0, output: new Float32Array() };
  all.startMs.push(process.readyMs);
  for (let run = 0; run < RUNS; run++) {
    const { ms, peakBytes, output } = await process.ask();
    all.runMs.push(ms);
    all.peakBytes = Math.max(all.peakBytes, peakBytes);
    all.output = new Float32Array(new Uint8Array(Buffer.from(output, 'base64')).buffer);
  }
  await process.end();
  return all;
}

function figuresOf(measured: ReadonlyMap<Graph, Measured>): Figure[] {
  const exported = measured.get('exported')!;
  return [...measured].flatMap(([graph, { startMs, runMs, peakBytes, output }]): Figure[] => {
    const what = `UNet, ${names[graph]}`;
    const figures: Figure[] = [
      { what: `${what}: start, fastest`, value: Math.min(...startMs) / 1e3, unit: 's' },
      { what: `${what}: run, fastest`, value: Math.min(...runMs) / 1e3, unit: 's' },
      { what: `${what}: peak memory`, value: peakBytes / 2 ** 30, unit: 'GiB' },
    ];
    if (graph === 'exported') return figures;
    return [
      ...figures,
      {
        what: `${what}: run over the exported graph’s`,
        value: Math.min(...runMs) / Math.min(...exported.runMs),
        unit: '×',
      },
      {
        what: `${what}: start over the exported graph’s`,
        value: Math.min(...startMs) / Math.min(...exported.startMs),
        unit: '×',
      },
      {
        what: `${what}: largest difference, in millionths of the largest value`,
        value: 1e6 * apart(output, exported.output),
        unit: '',
        bar: { at: 'most', value: 100 },
      },
    ];
  });
}

function apart(values: Float32Array, reference: Float32Array): number {
  let [distance, size] = [0, 0];
  for (const [i, value] of reference.entries()) {
    distance = Math.max(distance, Math.abs(values[i]! - value));
    size = Math.max(size, Math.abs(value));
  }
  return distance / size;
}
