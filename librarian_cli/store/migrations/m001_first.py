"""The first schema."""

SCRIPT = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,
    owner TEXT NOT NULL,
    priority INTEGER NOT NULL,
    outcomes TEXT NOT NULL DEFAULT '{}',
    created_at REAL NOT NULL,
    finished_at REAL,
    -- How the process that began it ended, which may be before the job is finished. See runs.py.
    ended_at REAL,
    ending TEXT NOT NULL DEFAULT '',
    exit_code INTEGER,
    added INTEGER NOT NULL DEFAULT 0,
    recovered INTEGER NOT NULL DEFAULT 0,
    failed INTEGER,
    unchanged INTEGER
);

CREATE TABLE roots (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);

-- Rows outlive a book in agents and activity, so numbers are never given twice.
CREATE TABLE books (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    format TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'waiting', 'ok', 'ok-with-warning', 'failed', 'cancelled',
                                          'removed')),
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT '' CHECK (verdict IN ('', 'ok', 'failed')), -- how its last run ended
    outcome_job INTEGER,
    title TEXT NOT NULL DEFAULT '',
    author TEXT NOT NULL DEFAULT '',
    language TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL DEFAULT '',
    collection TEXT NOT NULL DEFAULT '',
    page_count INTEGER,
    chars INTEGER NOT NULL DEFAULT 0,
    text_bytes INTEGER NOT NULL DEFAULT 0,
    text_sha256 TEXT,
    first_chunk INTEGER,
    chunks INTEGER NOT NULL DEFAULT 0,
    trust_score REAL,
    seconds REAL NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);
CREATE INDEX books_by_status ON books (status);

CREATE TABLE proposals (
    book INTEGER PRIMARY KEY REFERENCES books ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'rejected')),
    decided_by TEXT NOT NULL DEFAULT '',
    proposal TEXT NOT NULL,
    created_at REAL NOT NULL
);

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    root INTEGER NOT NULL REFERENCES roots,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    book INTEGER REFERENCES books,
    outcome TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    outcome_job INTEGER NOT NULL,
    seen_job INTEGER NOT NULL,
    missing_since REAL,
    UNIQUE (root, path)
);
CREATE INDEX files_by_book ON files (book);
CREATE INDEX files_by_job ON files (seen_job);
CREATE INDEX files_by_inode ON files (inode);

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    book INTEGER REFERENCES books ON DELETE CASCADE,
    stage TEXT NOT NULL,
    job INTEGER NOT NULL REFERENCES jobs,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'leased', 'done', 'failed', 'cancelled')),
    priority INTEGER NOT NULL,
    order_key REAL NOT NULL,
    order_group TEXT NOT NULL DEFAULT '',
    concurrency_group TEXT NOT NULL DEFAULT '',
    mix INTEGER NOT NULL DEFAULT 0,
    cost REAL NOT NULL DEFAULT 0,
    run_at REAL NOT NULL DEFAULT 0,
    alone INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL DEFAULT 0,
    memory_faults INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    queue TEXT NOT NULL DEFAULT '',
    owner TEXT,
    fingerprint TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    seconds REAL NOT NULL DEFAULT 0,
    cpu_seconds REAL NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL
);
CREATE UNIQUE INDEX tasks_by_book ON tasks (book, stage) WHERE book IS NOT NULL;
CREATE UNIQUE INDEX tasks_of_library ON tasks (stage) WHERE book IS NULL;
CREATE INDEX tasks_ready ON tasks (stage, alone, order_key, mix) WHERE state = 'ready';
CREATE INDEX tasks_leased ON tasks (queue, book) WHERE state = 'leased';
CREATE INDEX tasks_unfinished ON tasks (book) WHERE state IN ('waiting', 'ready', 'leased');
CREATE INDEX tasks_of_group ON tasks (order_group, state, book) WHERE order_group <> '' AND state <> 'done';

-- What a job waits for: the books that it had to work on, and the part of the tree that it looked at,
-- as ranges [low, high) of paths below a root (no high: everything from low on).
CREATE TABLE job_books (
    job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    book INTEGER NOT NULL,
    PRIMARY KEY (job, book)
) WITHOUT ROWID;
CREATE TABLE job_scopes (
    job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    root INTEGER NOT NULL REFERENCES roots,
    low BLOB NOT NULL,
    high BLOB,
    PRIMARY KEY (job, root, low)
) WITHOUT ROWID;

CREATE TABLE extracts (book INTEGER PRIMARY KEY REFERENCES books ON DELETE CASCADE, text BLOB NOT NULL);

CREATE TABLE headings (
    book INTEGER NOT NULL REFERENCES books ON DELETE CASCADE,
    number INTEGER NOT NULL,
    level INTEGER NOT NULL,
    title TEXT NOT NULL,
    start_char INTEGER NOT NULL,
    end_char INTEGER NOT NULL,
    exact INTEGER NOT NULL,
    PRIMARY KEY (book, number)
) WITHOUT ROWID;

CREATE TABLE pages (
    book INTEGER NOT NULL REFERENCES books ON DELETE CASCADE,
    number INTEGER NOT NULL,
    label TEXT,
    start_char INTEGER NOT NULL,
    PRIMARY KEY (book, number)
) WITHOUT ROWID;

CREATE TABLE sections (
    book INTEGER NOT NULL REFERENCES books ON DELETE CASCADE,
    number INTEGER NOT NULL,
    start_char INTEGER NOT NULL,
    PRIMARY KEY (book, number)
) WITHOUT ROWID;

CREATE TABLE chapters (
    book INTEGER NOT NULL REFERENCES books ON DELETE CASCADE,
    number INTEGER NOT NULL,
    level INTEGER NOT NULL,
    title TEXT NOT NULL,
    start_char INTEGER NOT NULL,
    end_char INTEGER NOT NULL,
    PRIMARY KEY (book, number)
) WITHOUT ROWID;

-- The chunks of a book have consecutive ids from books.first_chunk and tile its text.
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL REFERENCES books,
    chapter INTEGER,
    start_char INTEGER NOT NULL,
    end_char INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE VIEW chunk_texts AS
    SELECT chunks.id AS id, chunks.book AS book, coalesce(chapters.title, '') AS heading, chunks.text AS text
    FROM chunks LEFT JOIN chapters ON chapters.book = chunks.book AND chapters.number = chunks.chapter;
-- A posting names its column, in two bytes, unless that is the first: it has to be the one that holds the words.
CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    text, heading, content='chunk_texts', content_rowid='id', tokenize='porter unicode61'
);
-- A commit's words fit in memory and become one segment; at the default of 1 MB it would leave several to merge.
INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('hashsize', 16777216);
INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('automerge', 8);

CREATE TABLE audits (
    book INTEGER PRIMARY KEY REFERENCES books ON DELETE CASCADE,
    trust_score REAL NOT NULL,
    report TEXT NOT NULL,
    created_at REAL NOT NULL
);

-- One blob a book: the vectors of its chunks in order, made with one basis.
CREATE TABLE vectors (
    book INTEGER NOT NULL REFERENCES books ON DELETE CASCADE,
    basis TEXT NOT NULL,
    codes BLOB NOT NULL,
    PRIMARY KEY (book, basis)
);

-- Who works on this library. `beat` is CLOCK_MONOTONIC of the boot `boot_id`, as of the last sign of life.
CREATE TABLE owners (
    name TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    command TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    beat REAL NOT NULL,
    workers TEXT NOT NULL DEFAULT '[]',
    started_at REAL NOT NULL,
    seen_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE pauses (name TEXT PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID;

-- One row for one queue's work on one book by one owner.
CREATE TABLE agents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    book INTEGER NOT NULL,
    job INTEGER NOT NULL,
    owner TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'running', 'idle', 'error', 'terminated')),
    current_task TEXT NOT NULL DEFAULT '',
    tasks_completed INTEGER NOT NULL DEFAULT 0,
    tasks_failed INTEGER NOT NULL DEFAULT 0,
    cpu_seconds REAL NOT NULL DEFAULT 0,
    peak_bytes INTEGER NOT NULL DEFAULT 0,
    output TEXT NOT NULL DEFAULT '',
    started_at REAL NOT NULL,
    last_active_at REAL NOT NULL,
    ended_at REAL
);
CREATE INDEX agents_at_work ON agents (book, type) WHERE ended_at IS NULL;

-- Totals by type, which outlive the rows above.
CREATE TABLE agent_totals (
    type TEXT PRIMARY KEY,
    spawned INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE activity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    action TEXT NOT NULL,
    book INTEGER,
    job INTEGER,
    agent INTEGER,
    target TEXT,
    details TEXT NOT NULL DEFAULT '{}'
);

-- The names under which other programs ask.
CREATE VIEW book_paths AS
    SELECT files.book AS book, rtrim(CAST(roots.path AS TEXT), '/') || '/' || CAST(files.path AS TEXT) AS path
    FROM files JOIN roots ON roots.id = files.root
    WHERE files.id IN (SELECT min(id) FROM files AS others WHERE others.book = files.book);
CREATE VIEW memory_documents AS
    SELECT books.sha256 AS book_id,
           (SELECT path FROM book_paths WHERE book_paths.book = books.id) AS path,
           title, author, language, kind, format, collection, page_count AS pages, chunks, status, reason, trust_score,
           strftime('%Y-%m-%dT%H:%M:%fZ', created_at, 'unixepoch') AS created_at,
           strftime('%Y-%m-%dT%H:%M:%fZ', updated_at, 'unixepoch') AS updated_at
    FROM books WHERE status <> 'removed';
CREATE VIEW memory_sub_agents AS
    SELECT agents.type || '_' || CAST(agents.started_at AS INTEGER) || '_' || agents.id AS agent_id,
           agents.type AS agent_type, agents.status AS status, nullif(current_task, '') AS current_task,
           tasks_completed, tasks_failed,
           CAST(tasks_completed AS REAL) / nullif(tasks_completed + tasks_failed, 0) AS success_rate,
           books.trust_score AS trust_score,
           strftime('%Y-%m-%dT%H:%M:%fZ', last_active_at, 'unixepoch') AS last_active_at
    FROM agents LEFT JOIN books ON books.id = agents.book;
CREATE VIEW memory_librarian_log AS
    SELECT CASE action WHEN 'schema.proposed' THEN 'schema_proposal'
                       WHEN 'schema.approved' THEN 'schema_approval'
                       WHEN 'ingestion.started' THEN 'ingestion_launch'
                       WHEN 'ingestion.completed' THEN 'ingestion_complete'
                       WHEN 'trust.updated' THEN 'trust_update'
                       ELSE action END AS action_type,
           coalesce(target, (SELECT path FROM book_paths WHERE book_paths.book = activity.book), '') AS target_path,
           details, strftime('%Y-%m-%dT%H:%M:%fZ', at, 'unixepoch') AS timestamp
    FROM activity;
"""
