import { runtimeFolder } from '@darkroom/diffusion';

/**
 * What the inference child may know of its parent's environment: where programs, libraries and
 * compiled code are, the time zone, and how the GPU and the runtime are set up. Everything else, credentials above
 * all, stays behind; so the list says what passes, never what does not.
 */
const passed = [
  /^(PATH|HOME|TMPDIR|TZ|LANG|LC_ALL|NODE_COMPILE_CACHE)$/,
  /^LD_LIBRARY_PATH$/,
  /^(ORT|ONNXRUNTIME|CUDA|CUDNN|NVIDIA|OMP)_[A-Z0-9_]+$/,
  /^VK_ICD_FILENAMES$/,
];

/**
 * The child's environment. Its loader also looks beside the runtime, where `darkroom gpu install` puts the
 * CUDA libraries: the provider's own library names no folder for them.
 */
export function childEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const seen = Object.entries(environment).filter(([name]) =>
    passed.some((pattern) => pattern.test(name)),
  );
  const folders = [environment['LD_LIBRARY_PATH'], runtimeFolder];
  const libraries = folders.filter((folder) => folder !== undefined && folder !== '');
  return { ...Object.fromEntries(seen), LD_LIBRARY_PATH: libraries.join(':') };
}
