import { parseAllDocuments } from 'yaml';

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

/**
 * All objects of a stream of YAML documents, in order. Not through the Kubernetes client, whose types
 * lose the fields that they do not know.
 */
export const parseManifests = (text: string): Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);
