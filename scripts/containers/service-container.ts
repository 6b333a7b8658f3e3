import { GenericContainer } from 'testcontainers';
import { images } from './build-images.ts';

/** A service's container as a cluster would run it: read-only root, no capabilities, own /tmp. */
export class ServiceContainer extends GenericContainer {
  /**
   * @param service whose image
   * @param environment its whole configuration; the network is this machine's, so that it reaches
   *   servers that listen on loopback alone
   * @param files of this machine to mount, by their path in the container
   */
  constructor(
    service: keyof typeof images,
    environment: Record<string, string>,
    files: Record<string, string> = {},
  ) {
    super(images[service]);
    this.hostConfig.ReadonlyRootfs = true;
    this.withNetworkMode('host')
      .withTmpFs({ '/tmp': 'rw,noexec,nosuid,size=64m' })
      .withDroppedCapabilities('ALL')
      .withSecurityOpt('no-new-privileges')
      .withEnvironment(environment)
      .withBindMounts(
        Object.entries(files).map(([target, source]) => ({ source, target, mode: 'ro' as const })),
      );
  }
}
