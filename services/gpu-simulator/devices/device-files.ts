import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a container finds the files of its devices. */
const CONTAINER_FOLDER = '/run/gpu-simulator';

/** A device's file on the node and in a container. */
export type DeviceFile = { hostPath: string; containerPath: string };

/**
 * One file for each device: what /dev/nvidia0 is to a real one. A container whose file can no
 * longer be opened has lost its GPU.
 */
export type DeviceFiles = {
  /** The file of this device, made again if it is not there: a runtime would make a folder. */
  provide(id: string): Promise<DeviceFile>;
  /**
   * Takes the device away from the containers that hold it, or gives it back. A process with the
   * capability `DAC_OVERRIDE` does not notice.
   */
  setPresent(id: string, present: boolean): Promise<void>;
};

/** @param folder by the same path in this container and on the node; made if it is not there */
export async function createDeviceFiles(
  folder: string,
  ids: readonly string[],
): Promise<DeviceFiles> {
  await mkdir(folder, { recursive: true });
  const provide = async (id: string): Promise<DeviceFile> => {
    const hostPath = join(folder, id);
    await writeFile(hostPath, `${id}\n`, { flag: 'wx', mode: 0o444 }).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
    return { hostPath, containerPath: join(CONTAINER_FOLDER, id) };
  };
  const setPresent = (id: string, present: boolean) =>
    chmod(join(folder, id), present ? 0o444 : 0o000);
  for (const id of ids) {
    await provide(id);
    // A start makes every device whole again.
    await setPresent(id, true);
  }
  return { provide, setPresent };
}
