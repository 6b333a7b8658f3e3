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

export function childEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => passed.some((pattern) => pattern.test(name))),
  );
}
