import { type RawBuilder, sql } from 'kysely';

/**
 * Claim and sweep judge a record that nobody rightly holds by the same rules, in this order: a
 * cancel whose worker is gone, a deadline, the attempts. The branches of a CASE over `generations`.
 */
export const endings = (maxAttempts: number | RawBuilder<unknown>): RawBuilder<unknown> => sql`
  when state = 'running' and cancel_requested then 'canceled'
  when deadline <= clock_timestamp() then 'expired'
  when attempt >= ${maxAttempts}::integer then 'attempts'`;

/** Carries out `judged.verdict`: an ending, or else the state `otherwise`. */
export const assignState = (otherwise: 'queued' | 'running'): RawBuilder<unknown> => sql`
  state = case judged.verdict
    when 'canceled' then 'canceled'
    when 'expired' then 'failed'
    when 'attempts' then 'failed'
    else ${sql.lit(otherwise)}
  end,
  revision = revision + 1,
  error_code = case judged.verdict when 'expired' then 'EXPIRED' when 'attempts' then 'ATTEMPTS' end,
  error_message = case judged.verdict
    when 'expired' then
      'The deadline passed while no worker was at the generation. Ask again with a later one.'
    when 'attempts' then
      'The generation was started ' || attempt || ' times and never finished: each time its worker '
      'or its inference process was lost. Ask the operator of the service for the reason before you '
      'ask for it again.'
  end,
  finished_at = case when judged.verdict in ('canceled', 'expired', 'attempts')
    then clock_timestamp() end`;
