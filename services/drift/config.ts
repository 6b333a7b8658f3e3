import process from 'node:process';
import { loadConfig, milliseconds, variables } from '@darkroom/lifecycle';
import { z } from 'zod';

/** The variables by name, also for who checks what the process is given. */
export const schema = z
  .object({
    OFFER_MS: milliseconds(45_000, 'how long the result waits on /metrics for Prometheus'),
    HOST: variables.HOST,
    PORT: variables.PORT,
    LOG_LEVEL: variables.LOG_LEVEL,
    KUBECONFIG: z
      .string()
      .meta({
        description: 'how to reach the Kubernetes API outside of a pod',
        examples: ['KUBECONFIG=.kube/config'],
      })
      .optional(),
    KUBERNETES_SERVICE_HOST: z
      .string()
      .meta({ description: 'set in every pod; with it goes the service account' })
      .optional(),
  })
  .refine((config) => (config.KUBECONFIG ?? config.KUBERNETES_SERVICE_HOST) !== undefined, {
    path: ['KUBECONFIG'],
    message: 'missing, and this process is in no pod: run it in a pod, or set KUBECONFIG',
    // Told beside the other problems, not only once they are fixed.
    when: () => true,
  });

/** The settings, each by the name of its variable. */
export type DriftConfig = z.output<typeof schema>;

/** @throws DarkroomError (`configuration`) that tells every variable that is missing or wrong */
export const readConfig = (): DriftConfig => loadConfig(schema, process.env);
