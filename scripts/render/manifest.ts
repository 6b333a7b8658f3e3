import { loadYaml } from '@kubernetes/client-node';

/** One Kubernetes object as it would be applied: plain data, of any kind. */
export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
};

/** For messages: `Deployment darkroom/frontend`. */
export const nameOf = ({ kind, metadata: { namespace, name } }: Manifest): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;

/** All objects of a stream of YAML documents, in order. */
export function parseManifests(text: string): Manifest[] {
  return text
    .split(/^---$/m)
    .filter((document) => /^\s*[^#\s]/m.test(document))
    .map((document) => {
      // Under a key of its own: what has a kind at the top the client makes an instance of its own
      // types of, which lose the fields that they do not know.
      const { object } = loadYaml<{ object: Manifest }>(
        `object:\n${document.replace(/^(?=.)/gm, '  ')}`,
      );
      return object;
    });
}
