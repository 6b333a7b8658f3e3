import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { providerTrouble, refuseWrongConv } from './provider-trouble.ts';

test.each([
  [
    'no available backend found. ERR: [no-such] backend not found.',
    /no provider no-such/,
    /Name cpu.*cuda/,
  ],
  [
    '/src/cuda_call.cc:154 void CudaCall() [with ERRTYPE = cudaError] CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; hostname=vm',
    /^CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version$/,
    /driver 580 or later/,
  ],
  [
    'Non-zero status code returned while running Conv node. Status Message: CUDA failure 2: out of memory ; GPU=0',
    /not enough free memory/,
    /float16 export/,
  ],
  [
    'cuDNN is not available. Install cuDNN, update the system library search path, or set enable_cudnn=0',
    /cuDNN could not be loaded/,
    /darkroom gpu install/,
  ],
  [
    '/src/webgpu_context.cc:136 lambda() status == Success was false. Failed to get a WebGPU adapter: No supported adapters\n',
    /^Failed to get a WebGPU adapter: No supported adapters$/,
    /Vulkan driver/,
  ],
])('what the runtime says of its providers gets a remedy: %s', (message, why, remedy) => {
  const trouble = providerTrouble(message);
  expect(trouble?.why).toMatch(why);
  expect(trouble?.remedy).toMatch(remedy);
});

test.each([
  [
    'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
    'libonnxruntime_providers_shared.so is missing, which the provider cuda needs',
    /darkroom gpu install/,
  ],
  [
    'OrtSessionOptionsAppendExecutionProvider_TensorRT: Failed to load shared library',
    'the libraries of TensorRT are not here (libonnxruntime_providers_shared.so)',
    /Name cuda/,
  ],
])('a library that is not there is named: %s', (message, why, remedy) => {
  const trouble = providerTrouble(message, tmpdir());
  expect(trouble).toEqual({ why, remedy: expect.stringMatching(remedy) });
});

test('what it says of the model is left as it is', () => {
  expect(providerTrouble('Load model from x failed: Protobuf parsing failed.')).toBeUndefined();
});

test('a convolution that webgpu computes wrong is refused there, and nowhere else', () => {
  const refuse = (channels: number | undefined, ...providers: string[]) =>
    refuseWrongConv('m/unet/model.onnx', channels, providers);
  expect(() => refuse(9, 'webgpu', 'cpu')).toThrow(
    /m\/unet\/model.onnx cannot be run on webgpu.*9 channels gives wrong values.*Choose EXECUTION_PROVIDERS=cpu/,
  );
  expect(() => refuse(9, 'cuda', 'cpu')).not.toThrow();
  for (const channels of [undefined, 3, 4, 5, 12]) {
    expect(() => refuse(channels, 'webgpu')).not.toThrow();
  }
});
