/** Of this store's files, so that a foreign database is not taken for one: "VaQu". */
export const applicationId = 0x56615175;
/** A store with a larger one is of a newer program. */
export const schemaVersion = 1;

/**
 * Places in `queued` are kept in the order in which they are served; `line` holds how many there are and the first, so that a match
 * reads neither jobs nor places. `tally` counts jobs so that nobody has to.
 */
export const sqliteSchema = `
  CREATE TABLE meta (version INTEGER NOT NULL) STRICT;
  INSERT INTO meta VALUES (0);
  CREATE TABLE class (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, requires TEXT NOT NULL, version INTEGER NOT NULL) STRICT;
  CREATE INDEX class_version ON class (version);
  CREATE TABLE job (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, owner TEXT NOT NULL, class INTEGER NOT NULL, ready INTEGER NOT NULL, spec TEXT NOT NULL, submitted_at REAL NOT NULL,
    state TEXT NOT NULL, attributes TEXT NOT NULL, changed_at REAL NOT NULL, runs INTEGER NOT NULL, lost INTEGER NOT NULL, events INTEGER NOT NULL,
    run TEXT, lease TEXT, due REAL, exit_code INTEGER, message TEXT
  ) STRICT;
  CREATE INDEX job_of_owner ON job (tenant, owner, id);
  CREATE INDEX job_in_state ON job (tenant, state, id);
  CREATE UNIQUE INDEX job_lease ON job (lease) WHERE lease IS NOT NULL;
  CREATE INDEX job_due ON job (due) WHERE due IS NOT NULL;
  CREATE TABLE submission (tenant TEXT NOT NULL, key TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (tenant, key)) STRICT, WITHOUT ROWID;
  CREATE INDEX submission_job ON submission (job);
  CREATE TABLE event (
    job TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, state TEXT NOT NULL, attributes TEXT NOT NULL, text TEXT NOT NULL, run INTEGER, machine TEXT,
    PRIMARY KEY (job, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE queued (class INTEGER NOT NULL, owner TEXT NOT NULL, rank INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (class, owner, rank, id)) STRICT, WITHOUT ROWID;
  CREATE INDEX queued_age ON queued (class, id);
  CREATE TABLE line (
    class INTEGER NOT NULL, owner TEXT NOT NULL, waiting INTEGER NOT NULL, running INTEGER NOT NULL, rank INTEGER, head TEXT, version INTEGER NOT NULL,
    PRIMARY KEY (class, owner)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX line_version ON line (version);
  CREATE INDEX line_busy ON line (class) WHERE waiting > 0 OR running > 0;
  CREATE TABLE owner (
    tenant TEXT NOT NULL, owner TEXT NOT NULL, running INTEGER NOT NULL, used REAL NOT NULL, at REAL NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (tenant, owner)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX owner_version ON owner (version);
  CREATE TABLE tally (tenant TEXT NOT NULL, state TEXT NOT NULL, jobs INTEGER NOT NULL, PRIMARY KEY (tenant, state)) STRICT, WITHOUT ROWID;
  CREATE TABLE machine (tenant TEXT NOT NULL, machine TEXT NOT NULL, owner TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (tenant, machine)) STRICT, WITHOUT ROWID;
  CREATE INDEX machine_at ON machine (at);
  CREATE TABLE token (jti TEXT PRIMARY KEY, nonce TEXT NOT NULL, until REAL NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX token_until ON token (until);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;
