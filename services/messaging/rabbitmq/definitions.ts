import {
  type BoundModel,
  bindings,
  deadLetterQueue,
  exchanges,
  jobQueueDeclaration,
  policiesOf,
} from './topology.ts';

/**
 * All that the services need of RabbitMQ, in the form that it loads (`load_definitions`, or
 * `rabbitmqctl import_definitions`), from the same table that the services declare from. Users and
 * permissions are the operator's. Loading it again, with other bounds or more models, changes the
 * policies and adds queues; no queue that exists is touched, and none is removed.
 *
 * @param models as in the catalogue
 */
export const brokerDefinitions = (models: readonly BoundModel[], { vhost = '/' } = {}) => ({
  vhosts: [{ name: vhost }],
  exchanges: exchanges.map((exchange) => ({
    ...exchange,
    vhost,
    durable: true,
    auto_delete: false,
    internal: false,
    arguments: {},
  })),
  queues: [deadLetterQueue, ...models.map(({ name }) => jobQueueDeclaration(name))].map(
    (queue) => ({ ...queue, vhost, durable: true, auto_delete: false }),
  ),
  bindings: bindings.map(({ exchange, queue, routingKey }) => ({
    source: exchange,
    vhost,
    destination: queue,
    destination_type: 'queue',
    routing_key: routingKey,
    arguments: {},
  })),
  policies: policiesOf(models).map((policy) => ({
    ...policy,
    vhost,
    'apply-to': 'queues',
    priority: 0,
  })),
});
