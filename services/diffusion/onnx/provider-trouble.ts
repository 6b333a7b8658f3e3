import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { ModelError } from '../model-error.ts';
import { listSupportedBackends, runtimeFolder } from './runtime.ts';

/** Why a session could not be made on its providers, where the providers are the reason. */
export type ProviderTrouble = { why: string; remedy: string };

const gpuInstall =
  'Run `darkroom gpu install`, which brings the CUDA libraries, or the image of the worker for CUDA; ' +
  'or choose EXECUTION_PROVIDERS=cpu';
const driver =
  "Give this machine NVIDIA's driver 580 or later (`nvidia-smi` shows it), and a container NVIDIA's runtime " +
  '(RuntimeClass nvidia, `docker run --gpus all`); or choose EXECUTION_PROVIDERS=cpu';

/**
 * Of several providers the runtime drops those that it does not know, with a warning of its own.
 *
 * @throws Error in the runtime's words, as where it knows none of them
 */
export function refuseUnknownProviders(executionProviders: readonly string[]): void {
  const known = listSupportedBackends();
  const unknown = executionProviders.find((asked) => known.every(({ name }) => name !== asked));
  if (unknown !== undefined) throw new Error(`[${unknown}] backend not found`);
}

/**
 * The Conv of the provider webgpu computes wrong values, in onnxruntime 1.30, where its input channels are
 * a multiple of 3 above 3 and none of 4: onnxruntime#29651. Of our networks that is the UNet of inpainting models.
 *
 * @param file of the network
 * @param channels of its input; undefined where the exporter did not say
 * @throws ModelError where the network cannot be trusted to these providers
 */
export function refuseWrongConv(
  file: string,
  channels: number | undefined,
  executionProviders: readonly string[],
): void {
  if (channels === undefined || channels <= 3 || channels % 3 !== 0 || channels % 4 === 0) return;
  if (!executionProviders.includes('webgpu')) return;
  throw new ModelError(
    `${file} cannot be run on webgpu`,
    `the runtime's convolution for ${channels} channels gives wrong values there (onnxruntime#29651)`,
    'Choose EXECUTION_PROVIDERS=cpu or cuda for inpainting models of nine channels; others inpaint on webgpu, too',
  );
}

/**
 * Reads what the runtime said when it refused a session. Of a library that it misses it tells its own
 * log alone, so the loader is asked again here.
 *
 * @param folder where the libraries of the providers are
 * @returns undefined where the providers were not the reason
 */
export function providerTrouble(
  message: string,
  folder = runtimeFolder,
): ProviderTrouble | undefined {
  const unknown = /\[([^\]]+)\] backend not found/.exec(message)?.[1];
  if (unknown !== undefined) {
    const known = listSupportedBackends().map(({ name }) => name);
    const why = `this build of the runtime has no provider ${unknown}`;
    return { why, remedy: `Name ${known.join(', ')} in EXECUTION_PROVIDERS` };
  }
  if (message.includes('Failed to load shared library')) {
    const provider = /_Tensor_?RT/i.test(message) ? 'tensorrt' : 'cuda';
    const missing = missingLibrary(folder, provider);
    if (missing?.startsWith('libcuda.so') === true) {
      const why = `${missing} is missing, a library of NVIDIA's driver`;
      return { why, remedy: driver };
    }
    if (provider === 'tensorrt') {
      const why = `the libraries of TensorRT are not here (${missing ?? message})`;
      return { why, remedy: 'Name cuda in EXECUTION_PROVIDERS: Darkroom brings no TensorRT' };
    }
    const why =
      missing === undefined
        ? `the runtime's library for ${provider} could not be loaded (${message})`
        : `${missing} is missing, which the provider ${provider} needs`;
    // Found by nobody who does not look there: see `childEnvironment` of the worker.
    const isHere = missing !== undefined && existsSync(join(folder, missing));
    const look = `Start Node with LD_LIBRARY_PATH=${folder}, where it lies`;
    return { why, remedy: isHere ? look : gpuInstall };
  }
  if (/CUDA failure 2:|CUDA.* out of memory/i.test(message)) {
    const why = 'the GPU has not enough free memory';
    return {
      why,
      remedy: 'Use a float16 export of the model, a GPU with more memory, or end what shares it',
    };
  }
  if (/cuDNN (is|library)\b.*(unavailable|not available|not found)/i.test(message)) {
    return { why: 'cuDNN could not be loaded, which convolutions need', remedy: gpuInstall };
  }
  const [failure] = /\bCUDA failure \d+: [^;]+/.exec(message) ?? [];
  if (failure !== undefined) return { why: failure.trim(), remedy: driver };
  if (/WebGPU adapter|Couldn't load Vulkan/i.test(message)) {
    const remedy =
      'Install a Vulkan driver that this machine has a GPU for, and the loader libvulkan.so.1; or ' +
      'choose EXECUTION_PROVIDERS=cpu';
    return { why: firstLine(message), remedy };
  }
  return undefined;
}

/** The shared library that is missing first when a provider's own is loaded. */
function missingLibrary(folder: string, provider: 'cuda' | 'tensorrt'): string | undefined {
  for (const name of ['shared', provider]) {
    const file = `libonnxruntime_providers_${name}.so`;
    try {
      // Bound at once, so that what is missing is told here and not met later. No such library is a
      // module of Node, so this always throws.
      process.dlopen({ exports: {} }, join(folder, file), constants.dlopen.RTLD_NOW);
    } catch (error) {
      const found = /([^\s/:]+\.so[.\d]*): cannot open shared object/.exec(String(error))?.[1];
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Without the source file, function and condition that it begins with. */
const firstLine = (message: string) =>
  (message.trim().split('\n')[0] ?? '').replace(/^\/\S+\.cc:\d+ .* was false\. /, '');
