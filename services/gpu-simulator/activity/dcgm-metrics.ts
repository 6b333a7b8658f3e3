import type { Metrics } from '@darkroom/lifecycle';
import type { Device, Devices } from '../devices/devices.ts';
import type { Activity, DeviceActivity } from './activity.ts';

const MIB = 2 ** 20;

type Gauge = {
  name: string;
  description: string;
  value: (activity: DeviceActivity, device: Device, memoryMiB: number) => number;
};

const usedMiB = ({ usedBytes }: DeviceActivity, memoryMiB: number) =>
  Math.min(memoryMiB, Math.round(usedBytes / MIB));

/** Temperature and power are invented: they rise with the utilization, and are nobody's figures. */
const gauges: Gauge[] = [
  {
    name: 'DCGM_FI_DEV_GPU_UTIL',
    description: 'GPU utilization (in %).',
    value: ({ utilization }) => Math.round(utilization * 100),
  },
  {
    name: 'DCGM_FI_DEV_FB_USED',
    description: 'Framebuffer memory used (in MiB).',
    value: (activity, _, memoryMiB) => usedMiB(activity, memoryMiB),
  },
  {
    name: 'DCGM_FI_DEV_FB_FREE',
    description: 'Framebuffer memory free (in MiB).',
    value: (activity, _, memoryMiB) => memoryMiB - usedMiB(activity, memoryMiB),
  },
  {
    name: 'DCGM_FI_DEV_XID_ERRORS',
    description: 'Value of the last XID error encountered.',
    value: (_, { xid }) => xid,
  },
  {
    name: 'DCGM_FI_DEV_GPU_TEMP',
    description: 'GPU temperature (in C).',
    value: ({ utilization }) => Math.round(35 + 35 * utilization),
  },
  {
    name: 'DCGM_FI_DEV_POWER_USAGE',
    description: 'Power draw (in W).',
    value: ({ utilization }) => Math.round(15 + 55 * utilization),
  },
];

/**
 * Exports each device by the names and labels of NVIDIA's dcgm-exporter. A shared device has one
 * series for each share that is held (label `vgpu`), all with the figures of the whole device.
 */
export function exportDcgmMetrics(options: {
  metrics: Metrics;
  devices: Devices;
  activity: Pick<Activity, 'of'>;
  product: string;
  memoryMiB: number;
  nodeName: string;
}): void {
  const { metrics, devices, activity, product, memoryMiB, nodeName } = options;
  for (const { name, description, value } of gauges) {
    metrics.meter.createObservableGauge(name, { description }).addCallback((result) => {
      for (const device of devices.list()) {
        const now = activity.of(device.id);
        const figure = value(now, device, memoryMiB);
        const labels = {
          gpu: `${device.index}`,
          UUID: device.id,
          device: `nvidia${device.index}`,
          modelName: product,
          Hostname: nodeName,
        };
        if (now.holders.length === 0) result.observe(figure, labels);
        for (const { namespace, pod, container, replica } of now.holders) {
          const share = replica !== undefined && { vgpu: replica };
          result.observe(figure, { ...labels, namespace, pod, container, ...share });
        }
      }
    });
  }
}
