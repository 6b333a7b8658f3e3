#!/bin/sh
# Makes the databases' folder where the volume has none, brings roles and passwords to what the
# Secret says, and becomes the server. Each step may be cut off anywhere and is done again.
set -eu

programs=/usr/lib/postgresql/17/bin
data=$PGDATA

# A pod that was deleted by force may still run while its successor starts, and Postgres's own lock
# does not reach over pods. The server inherits this one and holds it to its end.
exec 9> "$data.lock"
flock 9

if [ ! -e "$data" ]; then
  rm -rf "$data.new"
  # A locale of Postgres itself: the order of texts, and so every index, outlives another libc.
  "$programs/initdb" --pgdata="$data.new" --username=postgres --auth=reject \
    --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8
  mv "$data.new" "$data"
fi

# Under the lock, what is left of a server is of one that is gone. Its process number may be
# somebody else's by now.
rm -f "$data/postmaster.pid" /var/run/postgresql/.s.PGSQL.*

options="-c config_file=/etc/postgresql/postgresql.conf"
"$programs/pg_ctl" start --pgdata="$data" --wait --timeout=600 --silent \
  --options="$options -c listen_addresses="
"$programs/psql" --no-psqlrc --quiet --host=/var/run/postgresql --username=postgres \
  --dbname=postgres --file=/etc/postgresql/roles.sql
"$programs/pg_ctl" stop --pgdata="$data" --wait --mode=fast --silent

# shellcheck disable=SC2086 # two words
exec "$programs/postgres" -D "$data" $options
