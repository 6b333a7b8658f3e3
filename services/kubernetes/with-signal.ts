import {
  type ConfigurationOptions,
  Observable,
  type ObservableMiddleware,
} from '@kubernetes/client-node';

/**
 * The options of a call of the Kubernetes API that ends when the signal aborts, also while its answer
 * is being read: it then rejects with the signal's reason. `setHeaderOptions` takes them in as its
 * third argument.
 */
export function withSignal(signal: AbortSignal): ConfigurationOptions<ObservableMiddleware> {
  // The client has no option for it, but passes what a request is marked with to `fetch`.
  const mark: ObservableMiddleware = {
    pre: (request) => {
      request.setSignal(signal);
      return new Observable(Promise.resolve(request));
    },
    post: (response) => new Observable(Promise.resolve(response)),
  };
  // `append`: the client's own, which names it to the server, stays.
  return { middleware: [mark], middlewareMergeStrategy: 'append' };
}
