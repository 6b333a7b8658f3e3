import type { GenerationState } from '@darkroom/contract';
import { Client } from 'pg';

/** Every change of a generation's state, as the database itself saw it. */
export type Transitions = AsyncDisposable & {
  of(id: string): Promise<GenerationState[]>;
  /** Which worker holds a generation now. */
  holderOf(id: string): Promise<string | null>;
  /** The database's clock, in milliseconds since 1970. */
  now(): Promise<number>;
};

/** Watches by a trigger, so that no write escapes, whoever makes it. */
export async function recordTransitions(databaseUrl: string): Promise<Transitions> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`
    create table transitions (n serial, id uuid, state text);
    create function note_transition() returns trigger language plpgsql as $$
    begin
      insert into transitions (id, state) values (new.id, new.state);
      return new;
    end $$;
    create trigger transitions after update of state on generations for each row
      when (old.state <> new.state) execute function note_transition()`);
  return {
    of: async (id) => {
      const { rows } = await client.query(
        'select state from transitions where id = $1 order by n',
        [id],
      );
      return rows.map(({ state }) => state);
    },
    holderOf: async (id) => {
      const { rows } = await client.query('select worker from generations where id = $1', [id]);
      return rows[0]?.worker ?? null;
    },
    now: async () => {
      const { rows } = await client.query('select clock_timestamp() as now');
      return rows[0].now.getTime();
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}
