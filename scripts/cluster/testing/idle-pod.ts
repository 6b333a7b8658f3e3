type Fields = Record<string, unknown>;

/** A pod of the namespace `darkroom` that does nothing and that Pod Security admits; given fields instead of its own. */
export const idlePod = (
  name: string,
  {
    labels = {},
    spec = {},
    container = {},
  }: { labels?: Record<string, string>; spec?: Fields; container?: Fields } = {},
) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'darkroom', labels },
  spec: {
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 10_001,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'idle',
        image: 'registry.k8s.io/pause:3.10.1',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        resources: {
          requests: { cpu: '1m', memory: '8Mi' },
          limits: { memory: '16Mi' },
        },
        ...container,
      },
    ],
    ...spec,
  },
});
