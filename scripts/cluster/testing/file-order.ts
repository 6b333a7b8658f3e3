import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const isOfCluster = ({ project }: TestSpecification) => project.name === 'cluster';

/**
 * Runs the files that share the cluster in the order of their names, whatever their folders. Vitest begins with what failed or
 * took long in the run before, so each run would find the cluster as other files leave it. The other
 * tiers keep that order.
 */
export class ClusterFilesByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const byName = sorted
      .filter(isOfCluster)
      .toSorted((a, b) => (basename(a.moduleId) < basename(b.moduleId) ? -1 : 1))
      .values();
    return sorted.map((file) => (isOfCluster(file) ? (byName.next().value ?? file) : file));
  }
}
