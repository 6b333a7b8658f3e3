import { beforeAll, expect, test } from 'vitest';
import type { Manifest } from '../../scripts/render/manifest.ts';
import { renderEnvironment } from '../../scripts/render/render.ts';
import { change, without } from '../testing/change.ts';
import { checkEnvironment } from './check-environment.ts';
import { tell } from './finding.ts';

let kind: Manifest[] = [];

beforeAll(async () => {
  const { infrastructure, apps } = await renderEnvironment('kind');
  kind = [...infrastructure.objects, ...apps.objects];
});

const worker = 'Deployment darkroom/worker-pinhole';
const frontend = 'Deployment darkroom/frontend';
const scaled = 'ScaledObject darkroom/worker-pinhole';
const settings = 'ConfigMap darkroom/worker';
const endpoints = 'ConfigMap darkroom/endpoints';
const pod = 'spec.template.spec';
const image = `${pod}.containers[frontend].image`;
const gpu = 'nvidia.com/gpu';

/** A mistake as object, field and value, and what is told of it: object, field, problem, remedy. */
const changes: [string, [string, string, unknown], RegExp][] = [
  [
    'an image without a version',
    [frontend, image, 'registry.example/darkroom/frontend'],
    /^Deployment darkroom\/frontend, spec\.template\.spec\.containers\[frontend\]\.image: .* means another build tomorrow; name a version$/,
  ],
  ['an image named latest', [frontend, image, 'x/darkroom/frontend:latest'], /build tomorrow/],
  [
    'an image that is not in the lock',
    [frontend, image, 'docker.io/library/redis:8'],
    /redis:8 is not in the lock; add its name, tag and digest to platform\/images/,
  ],
  [
    'another version than the locked one',
    [
      'StatefulSet darkroom-data/postgres',
      `${pod}.containers[postgres].image`,
      'docker.io/library/postgres:16',
    ],
    /postgres:16 is not the locked 17/,
  ],
  [
    'a Secret that nobody makes',
    [worker, `${pod}.containers[worker].envFrom[2].secretRef.name`, 'credentials'],
    /containers\[worker\]\.envFrom: nobody makes a Secret darkroom\/credentials; name one of platform\/secrets\.ts/,
  ],
  [
    'a Secret without the key',
    ['TriggerAuthentication darkroom/rabbitmq-monitor', 'spec.secretTargetRef[1].key', 'user'],
    /has no key user; name one of host, username, password/,
  ],
  [
    'an absent ConfigMap',
    [frontend, `${pod}.containers[frontend].envFrom[1].configMapRef.name`, 'no'],
    /there is no ConfigMap darkroom\/no/,
  ],
  [
    'an absent PriorityClass',
    [worker, `${pod}.priorityClassName`, 'urgent'],
    /there is no PriorityClass urgent/,
  ],
  [
    'an autoscaler of nothing',
    [scaled, 'spec.scaleTargetRef.name', 'worker'],
    /spec\.scaleTargetRef: there is no Deployment darkroom\/worker/,
  ],
  [
    'a variable with a slip in its name',
    [settings, 'data.EXECUTION_PROVIDER', 'cpu'],
    /env\[EXECUTION_PROVIDER\]: services\/worker\/config\.ts knows no variable EXECUTION_PROVIDER/,
  ],
  [
    'a variable that is needed and missing',
    [endpoints, 'data.S3_BUCKET', undefined],
    /containers\[frontend\]\.env: S3_BUCKET: missing/,
  ],
  [
    'a value that the program refuses',
    [settings, 'data.REQUIRE_GPU', 'yes'],
    /REQUIRE_GPU: must be 0 or 1/,
  ],
  [
    'a version of a model that is none',
    [worker, 'spec.template.metadata.annotations[darkroom.dev/model-digest]', 'v1'],
    /initContainers\[fetch-model\]\.env: MODEL_DIGEST: must be latest, or sha256:/,
  ],
  [
    'too little time to end in',
    [worker, `${pod}.terminationGracePeriodSeconds`, 30],
    /terminationGracePeriodSeconds: its own settings take 80000 ms to end/,
  ],
  [
    'a Service that leads nowhere',
    ['Service darkroom/frontend', 'spec.selector[app.kubernetes.io/name]', 'web'],
    /Service darkroom\/frontend, spec\.selector: no pod has these labels/,
  ],
  [
    'a port that no container has',
    ['Service darkroom/frontend', 'spec.ports[http].targetPort', 'api'],
    /no container behind it has a port api/,
  ],
  [
    'an address of no Service',
    [
      scaled,
      'spec.triggers[gpu-utilisation].metadata.serverAddress',
      'http://metrics.monitoring.svc.cluster.local:9090',
    ],
    /triggers\[gpu-utilisation\].*there is no Service for metrics\.monitoring/,
  ],
  [
    'an address with a wrong port',
    [endpoints, 'data.S3_ENDPOINT', 'http://object-store.darkroom-data.svc.cluster.local:9000'],
    /has no port 9000; take one of 7070/,
  ],
  [
    'a taint without a toleration',
    [worker, `${pod}.tolerations`, []],
    /tolerations: nodes with GPUs have the taint nvidia\.com\/gpu.*add \{ key: nvidia\.com\/gpu/,
  ],
  [
    'a label of GPUs with a slip in its name',
    [
      worker,
      `${pod}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[2].key`,
      'nvidia.com/gpu.mem',
    ],
    /nodeAffinity\[nvidia\.com\/gpu\.mem\]: no node will have the label nvidia\.com\/gpu\.mem; take one of/,
  ],
  [
    'a GPU for the step before the worker',
    [worker, `${pod}.initContainers[fetch-model].resources.limits[${gpu}]`, '1'],
    /initContainers\[fetch-model\]\.resources: asks for a GPU before the worker/,
  ],
  [
    'a frontend in the place of workers',
    [frontend, `${pod}.tolerations`, [{ operator: 'Exists' }]],
    /frontend, .*tolerations: would take the place of workers/,
  ],
  [
    'a quota that is too small',
    ['ResourceQuota darkroom/bounds', `spec.hard[requests.${gpu}]`, '4'],
    /ResourceQuota darkroom\/bounds, spec\.hard\[requests\.nvidia\.com\/gpu\]: 4 is less than the 5 .*bind 5/,
  ],
  [
    'replicas beside an autoscaler',
    [worker, 'spec.replicas', 1],
    /worker-pinhole, spec\.replicas: each apply would undo.*leave it out/,
  ],
  [
    'a fallback to none',
    [scaled, 'spec.fallback.replicas', 0],
    /spec\.fallback\.replicas: KEDA goes to zero/,
  ],
  [
    'a share of CPU that nobody requests',
    [frontend, `${pod}.containers[frontend].resources.requests.cpu`, undefined],
    /triggers\[cpu\]: the container frontend requests no cpu/,
  ],
  [
    'a wrong queue name',
    [scaled, 'spec.triggers[messages].metadata.queueName', 'darkroom.job.pinhole'],
    /metadata\.queueName: the topology has no queue darkroom\.job\.pinhole.*take one of darkroom\.dead-letters, darkroom\.jobs\.pinhole/,
  ],
  [
    'the work of another model',
    [
      scaled,
      'spec.triggers[seconds-of-work].metadata.url',
      'http://frontend-internal.darkroom.svc.cluster.local:8081/scaling/models/camera',
    ],
    /scaling\/models\/camera tells of another model; end it with pinhole/,
  ],
  [
    'a worker of no model',
    [worker, 'metadata.labels[darkroom.dev/model]', 'camera'],
    /the catalogue has no model camera/,
  ],
  [
    'a policy of no pod',
    [
      'NetworkPolicy darkroom/worker',
      'spec.podSelector.matchLabels[app.kubernetes.io/name]',
      'workers',
    ],
    /NetworkPolicy darkroom\/worker, spec\.podSelector: no pod has these labels/,
  ],
  [
    'a policy that lets in nobody that is',
    [
      'NetworkPolicy darkroom/frontend',
      'spec.ingress[0].from[0].podSelector.matchLabels.app',
      'keda',
    ],
    /spec\.ingress\[0\]\.from\[0\]: no pod of the namespace keda has the labels/,
  ],
];

/** An object that is missing, and what is told of it. */
const absences: [string, RegExp][] = [
  [
    'ServiceAccount darkroom/worker',
    /worker-pinhole, .*serviceAccountName: there is no ServiceAccount darkroom\/worker/,
  ],
  [
    'PersistentVolumeClaim darkroom/model-cache',
    /volumes\[model-cache\].*there is no PersistentVolumeClaim darkroom\/model-cache/,
  ],
  [
    'Role darkroom/deletion-cost',
    /RoleBinding darkroom\/deletion-cost, roleRef: there is no Role darkroom\/deletion-cost/,
  ],
  [
    scaled,
    /there is no ScaledObject worker-pinhole; say "model: pinhole" in platform\/models\/pinhole\/worker\/model\.yaml/,
  ],
  [
    'CustomResourceDefinition scaledobjects.keda.sh',
    /ScaledObject darkroom\/frontend, kind: nothing defines a ScaledObject of keda\.sh; take its CustomResourceDefinition in/,
  ],
  [
    'NetworkPolicy darkroom-gpu/default-deny',
    /Namespace darkroom-gpu, metadata\.name: lets everything in and out/,
  ],
];

const told = (objects: Manifest[]): string =>
  checkEnvironment('kind', objects).map(tell).join('\n');

test('without a fault nothing is told', () => {
  expect(told(kind)).toBe('');
});

test.each(changes)(
  '%s is told, with object, field and remedy',
  (_, [object, field, value], line) => {
    expect(told(change(kind, object, field, value))).toMatch(new RegExp(line.source, 'm'));
  },
);

test.each(absences)('without the %s it is told who misses it', (object, line) => {
  expect(told(without(kind, object))).toMatch(new RegExp(line.source, 'm'));
});
