-- The role that dashboards read with; `syncer migrate up --grant-reader` says what it may see.
\set password `cat /run/secrets/reader_password`
CREATE ROLE reader LOGIN PASSWORD :'password';
