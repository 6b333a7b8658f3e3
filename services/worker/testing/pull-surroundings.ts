import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHub, type HubModel } from '@darkroom/hub';
import {
  type Content,
  commitOf,
  contentOf,
  type HubServer,
  startHubServer,
} from '@darkroom/hub/testing/hub-server.ts';
import { pinhole } from '@darkroom/pinhole';
import { afterEach, beforeEach, expect } from 'vitest';
import { PARTIAL } from '../model-cache/cached-file.ts';
import { type Pulled, type PullOptions, pullModel } from '../model-cache/pull-model.ts';

export const UNET = 'unet/model.onnx';
/** As an ONNX file is made outside: one field, its number and length before it. */
export const unet = Buffer.concat([Buffer.from([0x12, 0x80, 0x80, 0x40]), randomBytes(2 ** 20)]);
const small = Buffer.from([0x12, 4, 1, 2, 3, 4]);
/** The built-in model with other graphs: nobody runs them here, and megabytes take their time. */
export const whole = new Map(
  [...contentOf(pinhole.folder)].map(([path, bytes]) => [
    path,
    path === UNET ? unet : path.endsWith('.onnx') ? small : bytes,
  ]),
);
export const total = [...whole.values()].reduce((sum, { length }) => sum + length, 0);

const changed = (path: string, bytes: string): Content =>
  new Map([...whole, [path, Buffer.from(bytes)]]);

/** Of `org/dots`, and of `org/other`. */
export const revisions: Record<string, Content> = {
  main: whole,
  // Of other runtimes, precisions and purposes.
  crowded: new Map(
    [
      ...['README.md', 'unet/diffusion_pytorch_model.safetensors', 'sd.ckpt'],
      ...['text_encoder/pytorch_model.bin', 'unet/model_fp16.onnx', 'safety_checker/model.onnx'],
      ...['unet/model_fp16.onnx_data', 'onnx/unet/model.onnx', '.gitattributes'],
    ].reduce((content, path) => content.set(path, Buffer.from(path)), new Map(whole)),
  ),
  next: changed('unet/config.json', '{ "next": true }'),
  torch: new Map([['model_index.json', Buffer.from('{}')]]),
  broken: changed(UNET, 'no graph'),
};

const { signal } = new AbortController();

/** A hub and an empty folder of models, new for each test. */
export class PullSurroundings {
  server!: HubServer;
  modelDir = '';

  constructor() {
    beforeEach(async () => {
      this.server = await startHubServer({ 'org/dots': { revisions }, 'org/other': { revisions } });
      this.modelDir = await mkdtemp(join(tmpdir(), 'pull-model-'));
    });
    afterEach(async () => {
      await this.server.close();
      await rm(this.modelDir, { recursive: true });
    });
  }

  find(revision = 'main', repository = 'org/dots'): Promise<HubModel> {
    const hub = createHub({ endpoint: this.server.endpoint, stallMs: 2_000 });
    return hub.findModel(repository, revision, signal);
  }

  pullFrom(source: HubModel, options: Partial<PullOptions> = {}): Promise<Pulled> {
    const { modelDir } = this;
    const patience = { firstMs: 1, longestMs: 1 };
    return pullModel({ source, name: 'dots', modelDir, signal, patience, ...options });
  }

  async pull(revision = 'main', options: Partial<PullOptions> = {}): Promise<Pulled> {
    return this.pullFrom(await this.find(revision), options);
  }

  path(file = ''): string {
    return join(this.modelDir, 'dots', file);
  }

  /** The folder that a version is brought into. */
  version(content: Content): string {
    return join(this.modelDir, `dots.${commitOf(content).slice(0, 12)}`);
  }

  async drafts(): Promise<string[]> {
    const paths = await readdir(this.modelDir, { recursive: true });
    return paths.filter((path) => path.includes(PARTIAL));
  }

  /** The ranges that were asked for of files whose path begins so, where their bytes come from. */
  asked(file: string): (string | undefined)[] {
    return this.server.seen
      .filter(({ at, path }) => at === 'cdn' || path.startsWith('/api/resolve-cache/'))
      .filter(({ path }) => path.includes(`/${file}`))
      .map(({ range }) => range);
  }

  async expectWhole(folder = this.path()): Promise<void> {
    const there = contentOf(folder);
    for (const [file, bytes] of whole) expect(there.get(file)?.equals(bytes), file).toBe(true);
  }
}
