import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';

/**
 * The runtime reads float16 tensors from `Uint16Array` alone, yet its JavaScript half insists on
 * `Float16Array` wherever the language has one. It decides once, when the first tensor is made, so
 * the first is made here with that constructor out of sight.
 */
function decideOnUint16ForFloat16(): void {
  const property = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array');
  if (property === undefined) return;
  Reflect.deleteProperty(globalThis, 'Float16Array');
  try {
    new Tensor('float32', new Float32Array(1));
  } finally {
    Object.defineProperty(globalThis, 'Float16Array', property);
  }
}
decideOnUint16ForFloat16();

/** Where the runtime's own libraries lie, and where it looks for those of its providers. */
export const runtimeFolder = join(
  dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')),
  `bin/napi-v6/${process.platform}/${process.arch}`,
);

export { InferenceSession, listSupportedBackends, Tensor };
