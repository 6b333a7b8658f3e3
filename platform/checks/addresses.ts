import type { Manifest } from '../../scripts/render/manifest.ts';
import { fieldsOf } from './fields.ts';
import { type Finding, finding } from './finding.ts';
import type { Workload } from './pods.ts';

type Service = {
  type?: string;
  externalName?: string;
  selector?: Record<string, string>;
  ports?: { name?: string; port: number; targetPort?: number | string }[];
};

const matches = (labels: Record<string, string>, selector: Record<string, string>) =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

/** Services lead to ports that pods have, and every address that is written leads to a Service. */
export function checkAddresses(
  objects: readonly Manifest[],
  workloads: readonly Workload[],
): Finding[] {
  const services = objects.flatMap((object) => servicesOf(object));
  return [
    ...services.flatMap((service) => checkService(service, workloads)),
    ...objects.flatMap((object) =>
      fieldsOf(object).flatMap(({ field, value }) =>
        typeof value === 'string' ? checkText(object, field, value, services) : [],
      ),
    ),
  ];
}

/** A Service, or those that an operator makes of an object, whose ports and pods it knows itself. */
function servicesOf(object: Manifest): Manifest[] {
  if (object.kind === 'Service') return [object];
  if (object.kind !== 'RabbitmqCluster') return [];
  const { name } = object.metadata;
  return [name, `${name}-nodes`].map((each) => ({
    ...object,
    metadata: { ...object.metadata, name: each },
    spec: {},
  }));
}

function checkService(service: Manifest, workloads: readonly Workload[]): Finding[] {
  const { selector, ports = [] } = service['spec'] as Service;
  // Without a selector it is an alias, or whoever made it writes its endpoints.
  if (selector === undefined) return [];
  const { namespace } = service.metadata;
  const behind = workloads.filter(
    ({ object, labels }) => object.metadata.namespace === namespace && matches(labels, selector),
  );
  if (behind.length === 0) {
    return [finding(service, 'spec.selector', 'no pod has these labels', 'copy those of the pods')];
  }
  const open = new Set(
    behind
      .flatMap(({ pod }) => pod.containers)
      .flatMap(({ ports: own = [] }) => own)
      .map(({ name }) => name),
  );
  return ports.flatMap(({ name, port, targetPort = port }) =>
    // A port by its number needs no declaration; one by its name does.
    typeof targetPort === 'number' || open.has(targetPort)
      ? []
      : [
          finding(
            service,
            `spec.ports[${name ?? port}].targetPort`,
            `no container behind it has a port ${targetPort}`,
            'name one of the container',
          ),
        ],
  );
}

/** Every `NAME.NAMESPACE.svc…:PORT` in a text. */
function checkText(
  object: Manifest,
  field: string,
  text: string,
  services: readonly Manifest[],
): Finding[] {
  // The name and the port of a pod behind a headless Service stand before it: POD.NAME.NAMESPACE.svc.
  const pattern = /([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?(?::(\d+))?/g;
  return [...text.matchAll(pattern)].flatMap(([address, name, namespace, port]) => {
    const service = services.find(
      ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
    );
    if (service === undefined) {
      return [finding(object, field, `there is no Service for ${address}`, 'name one that is')];
    }
    const ports = (service['spec'] as Service).ports ?? [];
    if (port === undefined || ports.length === 0) return [];
    return ports.some((each) => String(each.port) === port)
      ? []
      : [
          finding(
            object,
            field,
            `the Service of ${address} has no port ${port}`,
            `take one of ${ports.map((each) => each.port).join(', ')}`,
          ),
        ];
  });
}
