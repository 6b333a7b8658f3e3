import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

const pod = { NODE_NAME: 'gpu-node-0', KUBERNETES_SERVICE_HOST: '10.0.0.1' };

test('a node name is all that a pod has to give', () => {
  expect(readConfig(pod)).toEqual({
    ...pod,
    GPU_COUNT: 4,
    GPU_PRODUCT: 'NVIDIA-L4',
    GPU_MEMORY_MIB: 23_034,
    REPLICAS: 1,
    DEVICE_PLUGINS_DIR: '/var/lib/kubelet/device-plugins',
    POD_RESOURCES_DIR: '/var/lib/kubelet/pod-resources',
    DEVICE_FILES_DIR: '/var/lib/darkroom/gpu-simulator',
    WORKER_METRICS_PORT: 8080,
    HOST: '::',
    METRICS_PORT: 9400,
    CONTROL_HOST: '127.0.0.1',
    CONTROL_PORT: 9401,
    LOG_LEVEL: 'info',
  });
});

test('every variable that is missing or wrong is reported together', () => {
  const wrong = {
    GPU_COUNT: '0',
    GPU_PRODUCT: 'NVIDIA L4',
    GPU_MEMORY_MIB: '24Gi',
    REPLICAS: '65',
    DEVICE_PLUGINS_DIR: 'device-plugins',
    METRICS_PORT: '65536',
    LOG_LEVEL: 'loud',
  };
  let message = '';
  try {
    readConfig(wrong);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toMatch(/^9 environment variables are missing or wrong:/);
  expect(message).toContain('\n  NODE_NAME: missing (the node that this simulator serves');
  expect(message).toContain('\n  KUBECONFIG: missing, and this process is in no pod');
  expect(message).toContain('\n  GPU_COUNT: must be a whole number from 1 to 64');
  for (const name of Object.keys(wrong)) expect(message).toContain(`\n  ${name}: must be`);
});

test.each(['Gpu_Node', '-node', 'node/0'])('refuses the node name %s', (NODE_NAME) => {
  expect(() => readConfig({ ...pod, NODE_NAME })).toThrow('NODE_NAME: must be the name of a node');
});
