import process from 'node:process';
import { loadConfig, variables } from '@darkroom/lifecycle';
import { z } from 'zod';

const wholeNumber = (
  name: string,
  { from, to, initial }: { from: number; to: number; initial: number },
  description: string,
) => {
  const message = `must be a whole number from ${from} to ${to}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= from && value <= to, message)
    .meta({ description, examples: [`${name}=${initial}`] })
    .default(initial);
};

const port = (name: string, initial: number, description: string) =>
  wholeNumber(name, { from: 0, to: 65_535, initial }, description);

const folder = (name: string, initial: string, description: string) =>
  z
    .string()
    .startsWith('/', 'must be an absolute path')
    .meta({ description, examples: [`${name}=${initial}`] })
    .default(initial);

/** The variables by name, also for who checks what the process is given. */
export const schema = z
  .object({
    NODE_NAME: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be the name of a node')
      .meta({
        description: 'the node that this simulator serves; the downward API gives it',
        examples: ['NODE_NAME=gpu-node-0'],
      }),
    GPU_COUNT: wholeNumber('GPU_COUNT', { from: 1, to: 64, initial: 4 }, 'GPUs of this node'),
    GPU_PRODUCT: z
      .string()
      // A label's value has 63 characters at most, and feature discovery appends `-SHARED`.
      .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,54}[A-Za-z0-9])?$/, 'must be the value of a node label')
      .meta({ description: 'the name of the product', examples: ['GPU_PRODUCT=NVIDIA-L4'] })
      .default('NVIDIA-L4'),
    GPU_MEMORY_MIB: wholeNumber(
      'GPU_MEMORY_MIB',
      { from: 1, to: 10_000_000, initial: 23_034 },
      'memory of each GPU, in MiB',
    ),
    REPLICAS: wholeNumber(
      'REPLICAS',
      { from: 1, to: 64, initial: 1 },
      'how many containers share each GPU by time-slicing',
    ),
    DEVICE_PLUGINS_DIR: folder(
      'DEVICE_PLUGINS_DIR',
      '/var/lib/kubelet/device-plugins',
      "the folder of the kubelet's socket and of the plugins'",
    ),
    POD_RESOURCES_DIR: folder(
      'POD_RESOURCES_DIR',
      '/var/lib/kubelet/pod-resources',
      "the folder of the kubelet's pod-resources socket",
    ),
    DEVICE_FILES_DIR: folder(
      'DEVICE_FILES_DIR',
      '/var/lib/darkroom/gpu-simulator',
      'the folder of the device files, by the same path here and on the node',
    ),
    WORKER_METRICS_PORT: port(
      'WORKER_METRICS_PORT',
      8080,
      'where a pod that holds a GPU serves /metrics',
    ),
    HOST: variables.HOST,
    METRICS_PORT: port('METRICS_PORT', 9400, 'the port of /metrics, /healthz and /readyz'),
    CONTROL_HOST: z
      .string()
      .meta({
        description: 'the address of the control endpoint, which asks for no key',
        examples: ['CONTROL_HOST=127.0.0.1'],
      })
      .default('127.0.0.1'),
    CONTROL_PORT: port('CONTROL_PORT', 9401, 'the port of the control endpoint'),
    KUBECONFIG: z
      .string()
      .meta({
        description: 'how to reach the Kubernetes API outside of a pod',
        examples: ['KUBECONFIG=.kube/config'],
      })
      .optional(),
    KUBERNETES_SERVICE_HOST: z
      .string()
      .meta({ description: 'set in every pod; with it goes the service account' })
      .optional(),
    LOG_LEVEL: variables.LOG_LEVEL,
  })
  .refine((config) => (config.KUBECONFIG ?? config.KUBERNETES_SERVICE_HOST) !== undefined, {
    path: ['KUBECONFIG'],
    message: 'missing, and this process is in no pod: run it in a pod, or set KUBECONFIG',
    // Told beside the other problems, not only once they are fixed.
    when: () => true,
  });

/** The simulator's settings, each by the name of its variable. */
export type SimulatorConfig = z.output<typeof schema>;

/** @throws DarkroomError (`configuration`) that tells every variable that is missing or wrong */
export const readConfig = (
  environment: Readonly<Record<string, string | undefined>> = process.env,
): SimulatorConfig => loadConfig(schema, environment);
