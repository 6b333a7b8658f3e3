import { sql } from 'kysely';
import type { ActiveCount, Pace, QueueView, WorkerLoad } from '../queue-view.ts';
import type { Database } from './schema.ts';

/** Marks at the head of a queue, one for each place, and as many for all the rest of it. */
const MARKS = 100;

/** The newest finished generations, of all models, that a pace is measured on. */
const MEASURED = 500;

export async function countActive(db: Database): Promise<ActiveCount[]> {
  return await db
    .selectFrom('generations')
    .select(['tenant', 'model', 'state', sql<number>`count(*)::integer`.as('count')])
    .where('state', 'in', ['queued', 'running'])
    .groupBy(['tenant', 'model', 'state'])
    .orderBy('model')
    .orderBy('state')
    .$narrowType<{ state: 'queued' | 'running' }>()
    .execute();
}

const pixels = sql`(request->>'width')::float8 * (request->>'height')::float8`;
const stepsLeft = sql`greatest(steps - step, 1)`;

type Mark = {
  model: string;
  queued_at_ms: number;
  position: number;
  pixel_steps_ahead: number;
  length: number;
  steps: number;
  pixel_steps: number;
};

/** Not one snapshot: the three may report slightly different moments. */
export async function queues(db: Database): Promise<QueueView[]> {
  const [marks, running, paces] = await Promise.all([
    readMarks(db),
    readRunning(db),
    readPaces(db),
  ]);
  const models = new Set([...marks, ...running, ...paces].map(({ model }) => model));
  return [...models].map((model) => {
    const own = marks.filter((mark) => mark.model === model);
    const now = running.find((each) => each.model === model);
    return {
      model,
      length: own[0]?.length ?? 0,
      work: { steps: own[0]?.steps ?? 0, pixelSteps: own[0]?.pixel_steps ?? 0 },
      marks: own.map((mark) => ({
        queuedAtMs: mark.queued_at_ms,
        position: mark.position,
        pixelStepsAhead: mark.pixel_steps_ahead,
      })),
      running: {
        count: now?.count ?? 0,
        work: { steps: now?.steps ?? 0, pixelSteps: now?.pixel_steps ?? 0 },
      },
      pace: paceOf(paces.find((each) => each.model === model)),
    };
  });
}

async function readMarks(db: Database): Promise<Mark[]> {
  const { rows } = await sql<Mark>`
    with waiting as (
      select model, queued_at, id, ${stepsLeft} as steps, ${stepsLeft} * ${pixels} as pixel_steps
      from generations where state = 'queued'
    ),
    placed as (
      select
        model,
        floor(extract(epoch from queued_at) * 1000)::float8 as queued_at_ms,
        (row_number() over ordered - 1)::integer as position,
        sum(pixel_steps) over ordered - pixel_steps as pixel_steps_ahead,
        (count(*) over whole)::integer as length,
        (sum(steps) over whole)::integer as steps,
        sum(pixel_steps) over whole as pixel_steps
      from waiting
      window whole as (partition by model),
        ordered as (partition by model order by queued_at, id)
    )
    select * from placed
    where position < ${sql.lit(MARKS)}
      or position % greatest(1, length / ${sql.lit(MARKS)}) = 0
      or position = length - 1
    order by model, position`.execute(db);
  return rows;
}

type Running = { model: string; count: number; steps: number; pixel_steps: number };

async function readRunning(db: Database): Promise<Running[]> {
  return await db
    .selectFrom('generations')
    .select([
      'model',
      sql<number>`count(*)::integer`.as('count'),
      sql<number>`sum(${stepsLeft})::integer`.as('steps'),
      sql<number>`sum(${stepsLeft} * ${pixels})`.as('pixel_steps'),
    ])
    .where('state', '=', 'running')
    .groupBy('model')
    .execute();
}

export async function workerLoads(db: Database): Promise<WorkerLoad[]> {
  return await db
    .selectFrom('generations')
    .select([
      'worker',
      sql<string[]>`json_agg(distinct model)`.as('models'),
      sql<number>`count(*)::integer`.as('jobs'),
      sql<number>`sum(step)::integer`.as('stepsDone'),
      sql<number>`sum(steps - step)::integer`.as('stepsLeft'),
    ])
    .where('state', '=', 'running')
    .groupBy('worker')
    .orderBy('worker')
    // What runs is leased, and to someone.
    .$narrowType<{ worker: string }>()
    .execute();
}

type Measured = {
  model: string;
  low: number;
  typical: number;
  high: number;
  count: number;
  seconds: number | null;
};

async function readPaces(db: Database): Promise<Measured[]> {
  const { rows } = await sql<Measured>`
    with newest as (
      select
        model, state, finished_at, finished_at > now() - interval '1 minute' as lately,
        (inference_ms + store_ms) / greatest(steps, 1) / (${pixels}) as pixel_step_ms
      from generations where finished_at is not null
      order by finished_at desc limit ${sql.lit(MEASURED)}
    )
    select
      model,
      percentile_cont(0.25) within group (order by pixel_step_ms) as low,
      percentile_cont(0.5) within group (order by pixel_step_ms) as typical,
      percentile_cont(0.9) within group (order by pixel_step_ms) as high,
      (count(*) filter (where lately))::integer as count,
      extract(epoch from now() - min(finished_at) filter (where lately))::float8 as seconds
    from newest where state = 'succeeded' and pixel_step_ms is not null
    group by model`.execute(db);
  return rows;
}

const paceOf = (measured: Measured | undefined): Pace | null =>
  measured === undefined
    ? null
    : {
        pixelStepMs: { low: measured.low, typical: measured.typical, high: measured.high },
        perSecond: measured.count / Math.max(measured.seconds ?? 1, 0.001),
      };
