-- Run at every start, before others can connect, so that passwords are what the Secret says now.
\set ON_ERROR_STOP on
\set darkroom_password `cat /run/postgres-credentials/darkroom-password`
\set darkroom_worker_password `cat /run/postgres-credentials/darkroom-worker-password`

select 'create role darkroom' where not exists (select from pg_roles where rolname = 'darkroom') \gexec
alter role darkroom with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
  password :'darkroom_password';

-- What it may read and write, the frontend grants after its migrations.
select 'create role darkroom_worker'
  where not exists (select from pg_roles where rolname = 'darkroom_worker') \gexec
alter role darkroom_worker with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
  password :'darkroom_worker_password';

select 'create database darkroom owner darkroom'
  where not exists (select from pg_database where datname = 'darkroom') \gexec
-- By default every role may connect, and make temporary tables.
revoke all on database darkroom from public;
grant connect on database darkroom to darkroom_worker;
