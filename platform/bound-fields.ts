type BoundFields = {
  objects: string;
  fields: readonly string[];
  why: string;
  /** What of a value is the same all the same; undefined where it is not known. */
  same?: (value: unknown) => unknown;
};

/** What an image is, wherever it is pulled from. */
const digest = (image: unknown) => String(image).split('@')[1];
/** A bound that is missing bounds nothing. */
const presence = (value: unknown) => typeof value;

/**
 * What an environment may bind: by object, the fields that may differ between two environments.
 * Everything else is the same bytes in all of them, and a test says so. `*` stands for any text
 * without a dot or bracket, in object names for any text.
 */
export const boundFields: readonly BoundFields[] = [
  {
    objects: 'Deployment *|StatefulSet *|DaemonSet *',
    fields: [
      'spec.template.spec.containers[*].image',
      'spec.template.spec.initContainers[*].image',
    ],
    why: 'registry and tag, and the digest where it is not known yet',
    same: digest,
  },
  {
    objects: 'CronJob *',
    fields: ['spec.jobTemplate.spec.template.spec.containers[*].image'],
    why: 'registry, tag and digest',
  },
  {
    objects: 'Deployment *',
    fields: [
      // The checksum in a generated name: what it is a checksum of is compared by itself.
      'spec.template.spec.containers[*].envFrom[*].configMapRef.name',
      'spec.template.spec.initContainers[*].envFrom[*].configMapRef.name',
      'spec.template.spec.initContainers[*].env[*].valueFrom.configMapKeyRef.name',
    ],
    why: 'a ConfigMap with other content has another name',
  },
  {
    objects: 'Deployment darkroom/*|StatefulSet darkroom-data/*',
    fields: ['spec.template.metadata.annotations.darkroom.dev/credentials'],
    why: 'a checksum of the Secrets',
  },
  {
    objects: 'Deployment darkroom/worker-*',
    fields: [
      'spec.template.spec.runtimeClassName',
      'spec.template.metadata.annotations.karpenter.sh/do-not-disrupt',
      'spec.template.metadata.annotations.cluster-autoscaler.kubernetes.io/safe-to-evict',
    ],
    why: 'how nodes run GPUs, and who makes the nodes',
  },
  {
    objects: 'Deployment darkroom/frontend',
    fields: [
      'spec.template.metadata.annotations.cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes',
    ],
    why: 'who makes the nodes',
  },
  {
    objects: 'ConfigMap darkroom/endpoints',
    fields: [
      'data.S3_ENDPOINT',
      'data.S3_BUCKET',
      'data.AWS_REGION',
      'data.OTEL_EXPORTER_OTLP_ENDPOINT',
    ],
    why: 'hosts',
  },
  {
    objects: 'ConfigMap darkroom/worker',
    fields: ['data.EXECUTION_PROVIDERS', 'data.REQUIRE_GPU'],
    why: 'a simulated GPU computes nothing',
  },
  {
    objects: 'ScaledObject darkroom/*',
    fields: ['spec.minReplicaCount', 'spec.maxReplicaCount'],
    why: 'replica bounds',
    same: presence,
  },
  {
    objects: 'ResourceQuota darkroom/bounds',
    fields: ['spec.hard.requests.nvidia.com/gpu'],
    why: 'replica bounds',
    same: presence,
  },
  {
    objects: 'Service darkroom/frontend',
    fields: ['spec.type', 'spec.externalTrafficPolicy', 'spec.ports[http].nodePort'],
    why: 'how callers reach the API',
  },
  {
    objects: 'NetworkPolicy darkroom/frontend-callers',
    fields: ['spec.ingress*'],
    why: 'from where callers reach the API',
  },
  {
    objects: 'NetworkPolicy darkroom/managed-services',
    fields: ['spec.egress[*].to[*].ipBlock.cidr'],
    why: 'where database and object store have addresses',
  },
  {
    objects: 'Deployment kube-system/metrics-server',
    fields: ['spec.template.spec.containers[metrics-server].args*'],
    why: "whether kubelets' certificates are signed",
  },
  {
    objects: 'ExternalSecret *',
    fields: ['spec.secretStoreRef.name'],
    why: 'the store of Secrets',
  },
  {
    objects: 'NodePool darkroom-gpu',
    fields: ['spec.limits.nvidia.com/gpu'],
    why: 'bounds of nodes',
  },
  {
    objects: 'EC2NodeClass darkroom-gpu',
    fields: [
      'spec.subnetSelectorTerms[*].tags.karpenter.sh/discovery',
      'spec.securityGroupSelectorTerms[*].tags.karpenter.sh/discovery',
    ],
    why: 'classes of nodes',
  },
];

/** Objects that only some environments have, because they take in another component for the same need. */
export const boundObjects: readonly { objects: string; why: string }[] = [
  { objects: 'ExternalSecret *', why: 'elsewhere `cluster up` generates the Secrets' },
  {
    objects: 'NetworkPolicy darkroom/managed-services',
    why: 'database and object store outside the cluster',
  },
  { objects: 'NodePool darkroom-gpu|EC2NodeClass darkroom-gpu', why: 'who makes the nodes' },
  {
    objects: '* darkroom-data/postgres|* darkroom-data/object-store',
    why: 'elsewhere database and object store are outside the cluster',
  },
  {
    objects: '* darkroom-data/rabbitmq|* darkroom-data/rabbitmq-nodes',
    why: 'one broker, or three under the cluster operator, which makes Services and pods itself',
  },
  {
    objects:
      '* gpu-simulator|* darkroom/gpu-simulator|* darkroom-gpu/gpu-simulator|* nvidia-device-plugin|* darkroom-gpu/nvidia-*|RuntimeClass nvidia',
    why: 'whose GPUs they are',
  },
  {
    objects: '* kube-router|* kube-system/kube-router',
    why: 'elsewhere the network itself enforces policies',
  },
];
