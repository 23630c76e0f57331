#!/bin/sh
# The role that the servers work as: it owns nothing, so row-level security holds for it.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$(cat /run/secrets/app_password)" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE copilot_app LOGIN PASSWORD :'password';
CREATE EXTENSION IF NOT EXISTS vector;
SQL
