import type { GenerationState } from '@darkroom/contract';
import { Client } from 'pg';

/** One write to a record, as the database itself saw it. */
export type Write = {
  id: string;
  from: Numbers;
  to: Numbers;
};

type Numbers = {
  state: GenerationState;
  revision: number;
  fence: number;
  attempt: number;
  /** Over all attempts. */
  stepsRun: number;
  evidence: number;
};

/** Notes every write to every record by a trigger, so that none escapes, whoever makes it. */
export async function logWrites(connectionString: string) {
  const client = new Client({ connectionString });
  await client.connect();
  const numbers = (row: 'old' | 'new') => `jsonb_build_object(
    'state', ${row}.state, 'revision', ${row}.revision, 'fence', ${row}.fence,
    'attempt', ${row}.attempt, 'stepsRun', ${row}.steps_run + ${row}.attempt_steps,
    'evidence', jsonb_array_length(${row}.evidence))`;
  await client.query(`
    create table writes (n bigserial primary key, id uuid, "from" jsonb, "to" jsonb);
    create function note_write() returns trigger language plpgsql as $$
    begin
      insert into writes (id, "from", "to") values (new.id, ${numbers('old')}, ${numbers('new')});
      return null;
    end $$;
    create trigger writes after update on generations for each row execute function note_write()`);
  return {
    /** All until now, in order. */
    read: async (): Promise<Write[]> =>
      (await client.query<Write>('select id, "from", "to" from writes order by n')).rows,
    [Symbol.asyncDispose]: () => client.end(),
  };
}
