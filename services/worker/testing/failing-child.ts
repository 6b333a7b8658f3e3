// An inference child whose engine fails after each step, as often in all as the file `failures` in
// its model's folder says; then it makes pictures of no content.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunState } from '@darkroom/diffusion';
import { type ChildMessage, type ParentMessage, PROTOCOL_VERSION } from '../inference/protocol.ts';

const say = (message: ChildMessage) => process.send?.(message);
let file = '';

const take = (): boolean => {
  const left = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (left > 0) writeFileSync(file, String(left - 1));
  return left > 0;
};

process.on('message', (message: ParentMessage) => {
  if (message.type === 'load') {
    file = join(message.models[0]?.folder ?? '', 'failures');
    const models = [{ name: 'pinhole', digest: 'sha256:0', loadMs: 0, provider: 'cpu', nodes: {} }];
    say({ type: 'ready', models, executionProviders: ['cpu'] });
  } else if (message.type === 'generate') {
    const { id, resume } = message;
    const step = (resume?.step ?? 0) + 1;
    const state: RunState = {
      step,
      steps: message.request.steps,
      latents: new Float32Array(1),
      random: { words: new Uint32Array(624), index: 0, cachedNormal: null },
      history: [],
    };
    const ran = { steps: 1, engineMs: 1 };
    say({ type: 'step', id, state, ran });
    if (take()) say({ type: 'failed', id, code: 'ENGINE', message: 'the GPU is lost', ran });
    else {
      const picture = { png: new Uint8Array(1), width: 1, height: 1, truncated: [] };
      say({ type: 'picture', id, picture, ran });
    }
  }
});
process.on('disconnect', () => process.exit(0));
say({ type: 'hello', protocol: PROTOCOL_VERSION, engine: '0', node: '0', onnxruntime: '0' });
