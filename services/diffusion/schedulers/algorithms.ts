import type { z } from 'zod';
import { createDdim, ddimSettings } from './ddim.ts';
import { createDdpm, ddpmSettings } from './ddpm.ts';
import { createDeis, deisSettings } from './deis.ts';
import { createDpmMultistep, dpmMultistepSettings } from './dpm-multistep.ts';
import { createDpmSinglestep, dpmSinglestepSettings } from './dpm-singlestep.ts';
import { createEuler, eulerSettings } from './euler.ts';
import { createEulerAncestral, eulerAncestralSettings } from './euler-ancestral.ts';
import { createFlowMatchEuler, flowMatchEulerSettings } from './flow-match-euler.ts';
import { createHeun, heunSettings } from './heun.ts';
import { createKdpm2, kdpm2Settings } from './kdpm2.ts';
import { createKdpm2Ancestral } from './kdpm2-ancestral.ts';
import { createLcm, lcmSettings } from './lcm.ts';
import { createLms, lmsSettings } from './lms.ts';
import { createPndm, pndmSettings } from './pndm.ts';
import type { Run, Solver } from './scheduler.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { createTcd, tcdSettings } from './tcd.ts';
import { createUnipc, unipcSettings } from './unipc.ts';

/** A name that callers write, and what it stands for. */
export type Algorithm = {
  name: string;
  /** What `scheduler_config.json` calls it. */
  className: string;
  /** Which configurations of that class are meant, where one class serves several names. */
  isOf?: (config: Partial<SchedulerConfig>) => boolean;
  /** Settings that asking for the name decides, whatever the configuration says. */
  forced?: Partial<SchedulerConfig>;
  hasKarras: boolean;
  /** Whether diffusers' class takes a strength, `set_timesteps(strength=…)`: see `SchedulerChoice`. */
  canSpreadSteps: boolean;
  /** See `Scheduler`. */
  order: number;
  /** What it computes of a configuration, with the defaults of diffusers' class. */
  settings: z.ZodType;
  create: (settings: unknown, run: Run) => Solver;
};

const usual = { order: 1, hasKarras: false, canSpreadSteps: false };

/** Ties settings and factory together; the list holds algorithms of all settings. */
function algorithm<T extends z.ZodType>(
  about: Omit<Algorithm, 'settings' | 'create' | keyof typeof usual> &
    Partial<Pick<Algorithm, keyof typeof usual>>,
  settings: T,
  create: (settings: z.infer<T>, run: Run) => Solver,
): Algorithm {
  return {
    ...usual,
    ...about,
    settings,
    create: (given, run) => create(given as z.infer<T>, run),
  };
}

const karras = { hasKarras: true };
const isSde = ({ algorithm_type }: Partial<SchedulerConfig>) =>
  algorithm_type?.startsWith('sde-') ?? false;

export const algorithms: readonly Algorithm[] = [
  algorithm(
    { name: 'euler', className: 'EulerDiscreteScheduler', ...karras },
    eulerSettings,
    createEuler,
  ),
  algorithm(
    { name: 'euler-ancestral', className: 'EulerAncestralDiscreteScheduler' },
    eulerAncestralSettings,
    createEulerAncestral,
  ),
  algorithm(
    { name: 'heun', className: 'HeunDiscreteScheduler', order: 2, ...karras },
    heunSettings,
    createHeun,
  ),
  algorithm({ name: 'lms', className: 'LMSDiscreteScheduler', ...karras }, lmsSettings, createLms),
  algorithm({ name: 'ddim', className: 'DDIMScheduler' }, ddimSettings, createDdim),
  algorithm({ name: 'ddpm', className: 'DDPMScheduler' }, ddpmSettings, createDdpm),
  algorithm({ name: 'pndm', className: 'PNDMScheduler' }, pndmSettings, createPndm),
  algorithm(
    { name: 'deis', className: 'DEISMultistepScheduler', ...karras },
    deisSettings,
    createDeis,
  ),
  algorithm(
    { name: 'unipc', className: 'UniPCMultistepScheduler', ...karras },
    unipcSettings,
    createUnipc,
  ),
  algorithm(
    {
      name: 'dpmpp-2m',
      className: 'DPMSolverMultistepScheduler',
      isOf: (config) => !isSde(config),
      forced: { algorithm_type: 'dpmsolver++' },
      ...karras,
    },
    dpmMultistepSettings,
    createDpmMultistep,
  ),
  algorithm(
    {
      name: 'dpmpp-2m-sde',
      className: 'DPMSolverMultistepScheduler',
      isOf: isSde,
      forced: { algorithm_type: 'sde-dpmsolver++' },
      ...karras,
    },
    dpmMultistepSettings,
    createDpmMultistep,
  ),
  algorithm(
    {
      name: 'dpmpp-single',
      className: 'DPMSolverSinglestepScheduler',
      forced: { algorithm_type: 'dpmsolver++' },
      ...karras,
    },
    dpmSinglestepSettings,
    createDpmSinglestep,
  ),
  algorithm(
    { name: 'kdpm2', className: 'KDPM2DiscreteScheduler', order: 2, ...karras },
    kdpm2Settings,
    createKdpm2,
  ),
  algorithm(
    {
      name: 'kdpm2-ancestral',
      className: 'KDPM2AncestralDiscreteScheduler',
      order: 2,
      ...karras,
    },
    kdpm2Settings,
    createKdpm2Ancestral,
  ),
  algorithm(
    { name: 'lcm', className: 'LCMScheduler', canSpreadSteps: true },
    lcmSettings,
    createLcm,
  ),
  algorithm(
    { name: 'tcd', className: 'TCDScheduler', canSpreadSteps: true },
    tcdSettings,
    createTcd,
  ),
  algorithm(
    { name: 'flow-match-euler', className: 'FlowMatchEulerDiscreteScheduler', ...karras },
    flowMatchEulerSettings,
    createFlowMatchEuler,
  ),
];
