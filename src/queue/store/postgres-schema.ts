/** Everything is in a schema of its own, so that the database may hold other things. */
export const schemaName = 'vacua_queue';
/** A store with a larger one is of a newer program. */
export const schemaVersion = 1;

const key = 'text COLLATE "C" NOT NULL';

/** The same tables as sqlite-schema.ts; keys are compared byte by byte, as they are in SQLite and here. */
export const postgresSchema = `
  CREATE SCHEMA IF NOT EXISTS ${schemaName};
  SET LOCAL search_path = ${schemaName};
  CREATE TABLE meta (version integer NOT NULL, schema integer NOT NULL);
  INSERT INTO meta VALUES (0, ${schemaVersion});
  CREATE TABLE class (id integer PRIMARY KEY, tenant ${key}, requires text NOT NULL, version integer NOT NULL);
  CREATE INDEX class_version ON class (version);
  CREATE TABLE job (
    id ${key} PRIMARY KEY, tenant ${key}, owner ${key}, class integer NOT NULL, ready integer NOT NULL, spec text NOT NULL, submitted_at double precision NOT NULL,
    state ${key}, attributes text NOT NULL, changed_at double precision NOT NULL, runs integer NOT NULL, lost integer NOT NULL, events integer NOT NULL,
    run text, lease text COLLATE "C", due double precision, exit_code integer, message text
  ) WITH (fillfactor = 80);
  CREATE INDEX job_of_owner ON job (tenant, owner, id);
  CREATE INDEX job_in_state ON job (tenant, state, id);
  CREATE UNIQUE INDEX job_lease ON job (lease) WHERE lease IS NOT NULL;
  CREATE INDEX job_due ON job (due) WHERE due IS NOT NULL;
  CREATE TABLE submission (tenant ${key}, key ${key}, job ${key}, PRIMARY KEY (tenant, key));
  CREATE INDEX submission_job ON submission (job);
  CREATE TABLE event (
    job ${key}, seq integer NOT NULL, at double precision NOT NULL, state text NOT NULL, attributes text NOT NULL, text text NOT NULL, run integer, machine text,
    PRIMARY KEY (job, seq)
  );
  CREATE TABLE queued (class integer NOT NULL, owner ${key}, rank integer NOT NULL, id ${key}, PRIMARY KEY (class, owner, rank, id));
  CREATE INDEX queued_age ON queued (class, id);
  CREATE TABLE line (
    class integer NOT NULL, owner ${key}, waiting integer NOT NULL, running integer NOT NULL, rank integer, head text COLLATE "C", version integer NOT NULL,
    PRIMARY KEY (class, owner)
  ) WITH (fillfactor = 50);
  CREATE INDEX line_version ON line (version);
  CREATE TABLE owner (
    tenant ${key}, owner ${key}, running integer NOT NULL, used double precision NOT NULL, at double precision NOT NULL, version integer NOT NULL,
    PRIMARY KEY (tenant, owner)
  ) WITH (fillfactor = 50);
  CREATE INDEX owner_version ON owner (version);
  CREATE TABLE tally (tenant ${key}, state ${key}, jobs integer NOT NULL, PRIMARY KEY (tenant, state)) WITH (fillfactor = 50);
  CREATE TABLE machine (tenant ${key}, machine ${key}, owner ${key}, at double precision NOT NULL, PRIMARY KEY (tenant, machine));
  CREATE INDEX machine_at ON machine (at);
  CREATE TABLE token (jti ${key} PRIMARY KEY, nonce text NOT NULL, until double precision NOT NULL);
  CREATE INDEX token_until ON token (until);
`;

/** Types of the columns of \`job\`, for rows that come as JSON. */
export const jobColumns =
  'id text, tenant text, owner text, class integer, ready integer, spec text, submitted_at double precision, state text, attributes text, changed_at double precision, ' +
  'runs integer, lost integer, events integer, run text, lease text, due double precision, exit_code integer, message text';
