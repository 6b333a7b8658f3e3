import { physicalId } from '../devices/devices.ts';

/** A `ContainerPreferredAllocationRequest` of the protocol. */
export type PreferenceRequest = {
  available_deviceIDs: string[];
  must_include_deviceIDs: string[];
  allocation_size: number;
};

/**
 * Spreads containers over the devices, as NVIDIA's plugin does with shared ones: each next id is of
 * the device with the most replicas left.
 *
 * @throws RangeError when what is available or must be included does not fit the size
 */
export function preferredAllocation(request: PreferenceRequest): string[] {
  const { available_deviceIDs, must_include_deviceIDs, allocation_size } = request;
  const chosen = [...must_include_deviceIDs];
  const left = available_deviceIDs.filter((id) => !chosen.includes(id));
  const missing = allocation_size - chosen.length;
  if (missing < 0 || missing > left.length) {
    throw new RangeError(
      `${allocation_size} devices were asked for; ${chosen.length} must be included and ` +
        `${left.length} others are available`,
    );
  }
  while (chosen.length < allocation_size) {
    const next = left.reduce((best, id) =>
      sharesLeft(left, id) > sharesLeft(left, best) ? id : best,
    );
    left.splice(left.indexOf(next), 1);
    chosen.push(next);
  }
  return chosen;
}

const sharesLeft = (ids: readonly string[], id: string): number =>
  ids.filter((other) => physicalId(other) === physicalId(id)).length;
