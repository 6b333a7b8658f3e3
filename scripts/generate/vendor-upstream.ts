// `node scripts/run.js scripts/generate/vendor-upstream.ts [KUBECTL]`: writes upstream.yaml of what the
// platform takes in from others, as its authors publish it. Needs Go, which fetches the modules and
// checks their sums. Ours are only the kustomization.yaml beside each and what it patches.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { repository } from '../repository.ts';
import { writeVendored } from './vendored-file.ts';

type Upstream = {
  /** Under platform/infrastructure. */
  name: string;
  module: string;
  version: string;
  /** The module's sum, as go.sum would hold it. */
  sum: string;
  license: string;
  /** Within the module. */
  folder: string;
};

const upstreams: readonly Upstream[] = [
  {
    name: 'keda',
    module: 'github.com/kedacore/keda/v2',
    version: 'v2.20.2',
    sum: 'h1:SR60v8uIcelbveS8n/1jcl8tLdBBIbHMxmdOHw8tKqA=',
    license: 'Apache-2.0',
    folder: 'config/default',
  },
  {
    name: 'metrics-server',
    module: 'sigs.k8s.io/metrics-server',
    version: 'v0.8.0',
    sum: 'h1:Zlsi3sBWEtFKCD3+xSysThvXyLQ363rUAlqpnsY5JwI=',
    license: 'Apache-2.0',
    folder: 'manifests/base',
  },
];

const kubectl = process.argv[2] ?? 'kubectl';
const elsewhere = await mkdtemp(join(tmpdir(), 'darkroom-vendor-'));
try {
  for (const upstream of upstreams) {
    const { name, module, version, sum, license, folder } = upstream;
    const answer = execFileSync('go', ['mod', 'download', '-json', `${module}@${version}`], {
      // Outside of every module, so that no go.mod chooses another version.
      cwd: elsewhere,
      encoding: 'utf8',
    });
    const downloaded: { Dir: string; Sum: string } = JSON.parse(answer);
    if (downloaded.Sum !== sum) {
      throw new Error(`${module}@${version} has the sum ${downloaded.Sum}, but ${sum} is expected`);
    }
    const rendered = execFileSync(kubectl, ['kustomize', join(downloaded.Dir, folder)], {
      encoding: 'utf8',
      maxBuffer: 64 * 2 ** 20,
    });
    const file = join(repository, 'platform/infrastructure', name, 'upstream.yaml');
    const origin = `\`kubectl kustomize ${folder}\` of the Go module ${module}@${version} (${sum})`;
    await writeFile(file, writeVendored({ origin, license, body: rendered }));
    console.log(`${name}: ${origin}`);
  }
} finally {
  await rm(elsewhere, { recursive: true });
}
