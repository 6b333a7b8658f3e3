import process from 'node:process';
import { loadConfig, milliseconds, variables } from '@darkroom/lifecycle';
import { z } from 'zod';

/** The variables by name, also for who checks what the process is given. */
export const schema = z
  .object({
    NAMESPACE: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be the name of a namespace')
      .meta({ description: "the workers' namespace", examples: ['NAMESPACE=darkroom'] }),
    SCALING_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }).meta({
      description: 'where a frontend tells what each worker has in hand',
      examples: ['SCALING_URL=http://frontend-internal:8081/scaling/workers'],
    }),
    INTERVAL_MS: milliseconds(1_000, 'between two looks at the workers'),
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
export type DeletionCostConfig = z.output<typeof schema>;

/** @throws DarkroomError (`configuration`) that tells every variable that is missing or wrong */
export const readConfig = (): DeletionCostConfig => loadConfig(schema, process.env);
