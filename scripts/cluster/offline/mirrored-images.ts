import type { Docker } from '../docker.ts';
import type { Steps } from '../steps.ts';
import { buildProgram } from './build-program.ts';
import { type ImageRecipe, makeImage, programImage, USERLAND } from './image-recipe.ts';
import { rootFilesystem } from './root-filesystem.ts';

type Tools = { docker: Docker; steps: Steps; signal?: AbortSignal };

/**
 * The images that the platform's manifests name and that come from registries elsewhere, made of
 * Debian's packages and Go modules, under their upstream names.
 */
export async function makeMirroredImages(tools: Tools): Promise<string[]> {
  const names: string[] = [];
  for (const prepare of mirroredImages(tools)) {
    const recipe = await prepare();
    await makeImage(recipe, tools);
    names.push(recipe.name);
  }
  return names;
}

/** One after the other: each compiles with all processors. */
function mirroredImages(tools: Tools): (() => Promise<ImageRecipe>)[] {
  const program =
    (
      built: Parameters<typeof buildProgram>[0],
      image: Omit<Parameters<typeof programImage>[0], 'program'>,
    ) =>
    async () =>
      programImage({ ...image, program: await buildProgram(built, tools) });
  const keda = 'ghcr.io/kedacore';
  return [
    async () => ({
      name: 'docker.io/library/rabbitmq:4.0.5-management',
      // As in the official image, the programs lie on PATH and a home with the server's state is 999's.
      dockerfile: [
        'FROM scratch',
        'ADD rootfs.tar /',
        'ENV PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin HOME=/var/lib/rabbitmq LANG=C.UTF-8',
        'USER 999:999',
        'CMD ["rabbitmq-server"]',
        '',
      ].join('\n'),
      files: { 'rootfs.tar': await rootFilesystem('rabbitmq', tools) },
    }),
    async () => ({
      name: 'docker.io/library/postgres:17',
      dockerfile: [
        'FROM scratch',
        'ADD rootfs.tar /',
        // initdb asks for the name of its user.
        'RUN usermod -u 999 postgres && groupmod -g 999 postgres',
        'ENV PATH=/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin LANG=C.UTF-8',
        'USER 999:999',
        'CMD ["postgres"]',
        '',
      ].join('\n'),
      files: { 'rootfs.tar': await rootFilesystem('postgres', tools) },
    }),
    program('versitygw', {
      name: 'docker.io/versity/versitygw:v1.8.0',
      as: 'usr/local/bin/versitygw',
      base: USERLAND,
    }),
    async () => ({
      name: 'docker.io/prom/prometheus:v3.10.0',
      dockerfile: [
        `FROM ${USERLAND}`,
        'COPY prometheus promtool /bin/',
        'USER 65534:65534',
        'ENTRYPOINT ["/bin/prometheus"]',
        '',
      ].join('\n'),
      files: {
        prometheus: await buildProgram('prometheus', tools),
        promtool: await buildProgram('promtool', tools),
      },
    }),
    program('keda-operator', {
      name: `${keda}/keda:2.20.2`,
      as: 'keda',
      user: '65532:65532',
    }),
    program('keda-adapter', {
      name: `${keda}/keda-metrics-apiserver:2.20.2`,
      as: 'keda-adapter',
      user: '65532:65532',
    }),
    program('keda-webhooks', {
      name: `${keda}/keda-admission-webhooks:2.20.2`,
      as: 'keda-admission-webhooks',
      user: '65532:65532',
    }),
    program('metrics-server', {
      name: 'registry.k8s.io/metrics-server/metrics-server:v0.8.0',
      as: 'metrics-server',
      user: '65534:65534',
    }),
  ];
}
