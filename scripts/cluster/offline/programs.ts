// The programs that are built from pinned Go modules where no container image can be pulled.
// platform/tools/MODULE/go.mod and go.sum pin each and everything that it is made of.

export const KUBERNETES_VERSION = 'v1.35.8';

export type GoProgram = {
  /** Folder under platform/tools. */
  module: string;
  package: string;
  tags?: string;
  /** Values linked in, by variable. */
  values?: Record<string, string>;
};

const versionOf = (variable: string) => `k8s.io/component-base/version.${variable}`;

const kubernetes = (name: string): GoProgram => ({
  module: 'kubernetes',
  package: `k8s.io/kubernetes/cmd/${name}`,
  values: {
    [versionOf('gitVersion')]: KUBERNETES_VERSION,
    [versionOf('gitMajor')]: '1',
    [versionOf('gitMinor')]: '35',
    [versionOf('gitTreeState')]: 'clean',
  },
});

const keda = (name: string): GoProgram => ({
  module: 'keda',
  package: `github.com/kedacore/keda/v2/cmd/${name}`,
  values: { 'github.com/kedacore/keda/v2/version.Version': '2.20.2' },
});

// Without the discovery of every cloud: it doubles what has to be compiled.
const prometheus = (name: string): GoProgram => ({
  module: 'prometheus',
  package: `github.com/prometheus/prometheus/cmd/${name}`,
  tags: 'remove_all_sd,enable_kubernetes_sd,netgo',
  values: { 'github.com/prometheus/common/version.Version': '3.10.0' },
});

export const programs = {
  kind: { module: 'kind', package: 'sigs.k8s.io/kind' },
  crane: {
    module: 'crane',
    package: 'github.com/google/go-containerregistry/cmd/crane',
  },
  kubectl: kubernetes('kubectl'),
  kubeadm: kubernetes('kubeadm'),
  kubelet: kubernetes('kubelet'),
  'kube-apiserver': kubernetes('kube-apiserver'),
  'kube-controller-manager': kubernetes('kube-controller-manager'),
  'kube-scheduler': kubernetes('kube-scheduler'),
  'kube-proxy': kubernetes('kube-proxy'),
  etcd: { module: 'etcd', package: 'go.etcd.io/etcd/server/v3' },
  coredns: { module: 'coredns', package: '.' },
  'local-path-provisioner': {
    module: 'local-path-provisioner',
    package: 'github.com/rancher/local-path-provisioner',
  },
  /** Nodes without a machine, for the benchmark of many. */
  kwok: { module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok' },
  'kube-router': {
    module: 'kube-router',
    package: 'github.com/cloudnativelabs/kube-router/v2/cmd/kube-router',
  },
  'keda-operator': keda('operator'),
  'keda-adapter': keda('adapter'),
  'keda-webhooks': keda('webhooks'),
  'metrics-server': {
    module: 'metrics-server',
    package: 'sigs.k8s.io/metrics-server/cmd/metrics-server',
  },
  prometheus: prometheus('prometheus'),
  promtool: prometheus('promtool'),
  versitygw: {
    // The tests of every room build it, too.
    module: '../../services/testing/servers/versitygw',
    package: 'github.com/versity/versitygw/cmd/versitygw',
  },
} satisfies Record<string, GoProgram>;

export type ProgramName = keyof typeof programs;
