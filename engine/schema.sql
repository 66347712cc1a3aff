-- The ledger: every record's fate. Keys, versions, keyed hashes and causes; never a field value.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE entity (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE          -- 'incident', 'incident/comment'
);

CREATE TABLE wave (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    state    TEXT NOT NULL,
    cause    TEXT NOT NULL DEFAULT '', -- why failed, why a person is needed
    playbook TEXT NOT NULL DEFAULT '', -- content hash it last ran with
    approved TEXT NOT NULL DEFAULT '', -- who let it run
    started  TEXT NOT NULL DEFAULT '',
    ended    TEXT NOT NULL DEFAULT ''
);

CREATE TABLE planned (                 -- what the source counted, when last asked
    wave   INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (wave, entity)
) WITHOUT ROWID;

CREATE TABLE lane (                    -- a part of a wave's scope and what is left of it to read
    wave   INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    lane   INTEGER NOT NULL,
    rest   TEXT,                       -- NULL: read to its proven end
    PRIMARY KEY (wave, entity, lane)
) WITHOUT ROWID;

CREATE TABLE chunk (                   -- what is retried together
    id      INTEGER PRIMARY KEY,
    wave    INTEGER NOT NULL,
    entity  INTEGER NOT NULL,
    span    TEXT NOT NULL,
    records INTEGER NOT NULL,
    done    INTEGER NOT NULL DEFAULT 0 -- 2: done, and some of it was set aside
);
CREATE INDEX chunk_open ON chunk (wave, entity) WHERE done = 0;

CREATE TABLE feed (                    -- everything before `position` was taken over
    wave     INTEGER NOT NULL,
    entity   INTEGER NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (wave, entity)
) WITHOUT ROWID;

CREATE TABLE entry (
    entity  INTEGER NOT NULL,
    key     TEXT NOT NULL,
    wave    INTEGER NOT NULL,
    bucket  INTEGER NOT NULL,
    target  TEXT NOT NULL,             -- '' until it exists there
    version TEXT NOT NULL,
    print   TEXT NOT NULL,             -- keyed hash of the mapped record; '': not known; '?': a change is on its way
    PRIMARY KEY (entity, key)
) WITHOUT ROWID;
CREATE INDEX entry_unsettled ON entry (wave, entity) WHERE bucket <> 1;

CREATE TABLE tally (                   -- kept by the triggers below: the sum is right by construction
    wave   INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (wave, entity, bucket)
) WITHOUT ROWID;

CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
    INSERT INTO tally VALUES (new.wave, new.entity, new.bucket, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER entry_moved AFTER UPDATE OF wave, bucket ON entry
WHEN old.bucket <> new.bucket OR old.wave <> new.wave BEGIN
    UPDATE tally SET n = n - 1 WHERE wave = old.wave AND entity = old.entity AND bucket = old.bucket;
    INSERT INTO tally VALUES (new.wave, new.entity, new.bucket, 1) ON CONFLICT DO UPDATE SET n = n + 1;
    DELETE FROM aside WHERE new.bucket = 1 AND entity = new.entity AND key = new.key;
END;
CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN
    UPDATE tally SET n = n - 1 WHERE wave = old.wave AND entity = old.entity AND bucket = old.bucket;
END;

CREATE TABLE overlap (                 -- in this wave's scope, but moved by an earlier wave
    wave   INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    key    TEXT NOT NULL,
    PRIMARY KEY (wave, entity, key)
) WITHOUT ROWID;

CREATE TRIGGER overlap_gone AFTER DELETE ON overlap BEGIN
    UPDATE tally SET n = n - 1 WHERE wave = old.wave AND entity = old.entity AND bucket = 9;
END;
CREATE TRIGGER overlap_added AFTER INSERT ON overlap BEGIN
    INSERT INTO tally VALUES (new.wave, new.entity, 9, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TABLE cause (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);

CREATE TABLE aside (                   -- why an entry is quarantined, excluded or in doubt
    entity INTEGER NOT NULL,
    key    TEXT NOT NULL,
    wave   INTEGER NOT NULL,
    cause  INTEGER NOT NULL,
    field  TEXT NOT NULL,
    parent TEXT NOT NULL,              -- source key of the record it hangs on
    since  TEXT NOT NULL,
    tries  INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (entity, key)
) WITHOUT ROWID;

CREATE TABLE intent (                  -- creates that are about to go out, or went out without an answer
    id     INTEGER PRIMARY KEY,
    wave   INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    mark   TEXT NOT NULL,              -- the target's position before the call
    sent   TEXT NOT NULL,
    keys   TEXT NOT NULL               -- JSON: [[source key, target id of what it hangs on], ...]
);

CREATE TABLE reference (               -- what the second pass has to tie together
    entity    INTEGER NOT NULL,
    key       TEXT NOT NULL,
    name      TEXT NOT NULL,
    to_entity INTEGER NOT NULL,
    to_key    TEXT NOT NULL,
    wave      INTEGER NOT NULL,
    done      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (entity, key, name, to_key)
) WITHOUT ROWID;
CREATE INDEX reference_open ON reference (entity, key) WHERE done = 0;

CREATE TABLE loose (                   -- references not tied yet, by wave; kept by triggers
    wave INTEGER PRIMARY KEY,
    n    INTEGER NOT NULL
);
CREATE TRIGGER reference_added AFTER INSERT ON reference WHEN new.done = 0 BEGIN
    INSERT INTO loose VALUES (new.wave, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER reference_gone AFTER DELETE ON reference WHEN old.done = 0 BEGIN
    UPDATE loose SET n = n - 1 WHERE wave = old.wave;
END;
CREATE TRIGGER reference_tied AFTER UPDATE OF done ON reference WHEN old.done = 0 AND new.done = 1 BEGIN
    UPDATE loose SET n = n - 1 WHERE wave = new.wave;
END;

CREATE TABLE hold (                    -- one hand each: a second person's hold leaves the first one's alone
    wave   TEXT NOT NULL,              -- '' holds all waves
    reason TEXT NOT NULL,
    by     TEXT NOT NULL,
    since  TEXT NOT NULL,
    PRIMARY KEY (wave, by)
) WITHOUT ROWID;

CREATE TABLE run (
    id       INTEGER PRIMARY KEY,
    waves    TEXT NOT NULL,            -- JSON list
    by       TEXT NOT NULL,
    playbook TEXT NOT NULL,
    started  TEXT NOT NULL,
    ended    TEXT NOT NULL DEFAULT '',
    outcome  TEXT NOT NULL DEFAULT ''
);

CREATE TABLE event (                   -- the audit trail
    id     INTEGER PRIMARY KEY,
    at     TEXT NOT NULL,
    by     TEXT NOT NULL,
    what   TEXT NOT NULL,
    wave   TEXT NOT NULL,
    detail TEXT NOT NULL
);

-- Version 2 adds

CREATE TABLE step (                    -- what was said about the runbook's steps, whatever its file says now
    id    TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    by    TEXT NOT NULL,
    at    TEXT NOT NULL,
    note  TEXT NOT NULL,
    run   INTEGER NOT NULL,            -- of an automatic step; 0: none
    facts TEXT NOT NULL                -- of a gate that passed, JSON; '' for others
) WITHOUT ROWID;

-- Version 3 adds

CREATE TABLE rollback (                -- the undoing of a wave: one that goes on, or the last one
    wave    INTEGER PRIMARY KEY,
    by      TEXT NOT NULL,
    despite TEXT NOT NULL,             -- why, although the wave was signed off
    started TEXT NOT NULL,
    ended   TEXT NOT NULL,             -- '' while it goes on
    pass    INTEGER NOT NULL,          -- 0: creates without an answer are looked up; then one after another
    entity  INTEGER NOT NULL,          -- where it is: this entity's records, after this key
    after   TEXT NOT NULL,
    batch   TEXT NOT NULL,             -- JSON: keys of what is being undone at this moment; '': nothing
    done    TEXT NOT NULL              -- JSON: {entity: {what became of it: records}}
);

CREATE TRIGGER reference_loosened AFTER UPDATE OF done ON reference WHEN old.done = 1 AND new.done = 0 BEGIN
    INSERT INTO loose VALUES (new.wave, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TABLE image (                   -- what we wrote over, encrypted; nothing without the key of its wave
    entity INTEGER NOT NULL,
    key    TEXT NOT NULL,
    wave   INTEGER NOT NULL,
    taken  TEXT NOT NULL,              -- by the target's clock, after which a change is somebody else's
    sealed BLOB NOT NULL,
    PRIMARY KEY (entity, key)
) WITHOUT ROWID;

CREATE TABLE image_key (               -- the key of a wave's images, wrapped by the vault's own
    wave    INTEGER PRIMARY KEY,
    wrapped BLOB NOT NULL
);

CREATE TABLE book (                    -- playbooks that ran, as they were: a re-run may want the mapping of then
    version TEXT PRIMARY KEY,
    text    TEXT NOT NULL
) WITHOUT ROWID;

-- Version 4 adds

ALTER TABLE entry ADD COLUMN seen TEXT NOT NULL DEFAULT '';
-- the target's version when both sides were last found equal; '': not since it was written

CREATE INDEX entry_dirty ON entry (wave, entity) WHERE bucket = 1 AND seen = '';

CREATE TABLE drift (                   -- confirmed differences between the sides
    entity INTEGER NOT NULL,
    key    TEXT NOT NULL,              -- at the source; of an extra record, its id at the target
    kind   TEXT NOT NULL,
    field  TEXT NOT NULL,
    wave   INTEGER NOT NULL,
    target TEXT NOT NULL,
    root   TEXT NOT NULL,              -- key of the record it hangs on, or its own
    home   INTEGER NOT NULL,           -- the entity of that
    by     TEXT NOT NULL,              -- who edited it
    at     TEXT NOT NULL,              -- and when
    found  TEXT NOT NULL,
    PRIMARY KEY (entity, key, kind, field)
) WITHOUT ROWID;
CREATE INDEX drift_root ON drift (home, root);
CREATE TRIGGER drift_gone AFTER DELETE ON entry BEGIN
    DELETE FROM drift WHERE home = old.entity AND root = old.key;
END;
CREATE TRIGGER drift_aside AFTER UPDATE OF bucket ON entry WHEN old.bucket = 1 AND new.bucket NOT IN (1, 2) BEGIN
    DELETE FROM drift WHERE home = new.entity AND root = new.key;
END;

CREATE TABLE walk (                    -- the newest comparison of a wave that somebody asked for
    wave     INTEGER PRIMARY KEY,
    scope    TEXT NOT NULL,
    by       TEXT NOT NULL,
    started  TEXT NOT NULL,
    ended    TEXT NOT NULL,            -- '' while there is something to go on with
    entity   INTEGER NOT NULL,         -- where it is: this entity's records, after this key
    after    TEXT NOT NULL,
    compared INTEGER NOT NULL,
    total    INTEGER NOT NULL,
    outcome  TEXT NOT NULL             -- '' while it goes on
);

-- Version 5 adds

CREATE TABLE defect (                  -- which records had a known defect when they were mapped last
    entity INTEGER NOT NULL,
    key    TEXT NOT NULL,
    name   TEXT NOT NULL,
    wave   INTEGER NOT NULL,
    PRIMARY KEY (entity, key, name)
) WITHOUT ROWID;

CREATE TABLE defects (                 -- how many those are
    wave   INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    name   TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (wave, entity, name)
) WITHOUT ROWID;
CREATE TRIGGER defect_found AFTER INSERT ON defect BEGIN
    INSERT INTO defects VALUES (new.wave, new.entity, new.name, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER defect_gone AFTER DELETE ON defect BEGIN
    UPDATE defects SET n = n - 1 WHERE wave = old.wave AND entity = old.entity AND name = old.name;
END;
CREATE TRIGGER defect_undone AFTER DELETE ON entry BEGIN
    DELETE FROM defect WHERE entity = old.entity AND key = old.key;
END;

-- Version 6 adds

CREATE TABLE dirty (                   -- synced, and not found equal on both sides since something was written to it
    wave   INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    key    TEXT NOT NULL,
    mark   INTEGER NOT NULL,           -- of the newest write: each has a higher one
    PRIMARY KEY (wave, entity, key)
) WITHOUT ROWID;
INSERT INTO dirty SELECT wave, entity, key, 0 FROM entry WHERE bucket = 1 AND seen = '';
DROP INDEX entry_dirty;
ALTER TABLE entry DROP COLUMN seen;

CREATE TRIGGER dirty_gone AFTER DELETE ON entry BEGIN
    DELETE FROM dirty WHERE wave = old.wave AND entity = old.entity AND key = old.key;
END;
CREATE TRIGGER dirty_aside AFTER UPDATE OF wave, bucket ON entry
WHEN new.wave <> old.wave OR (new.bucket NOT IN (1, 2) AND new.bucket <> old.bucket) BEGIN
    DELETE FROM dirty WHERE wave = old.wave AND entity = old.entity AND key = old.key;
    DELETE FROM drift WHERE home = old.entity AND root = old.key;
END;
DROP TRIGGER drift_aside;

-- Version 7 adds

DROP TABLE image;                      -- nothing was ever in them
DROP TABLE image_key;

CREATE TABLE image (                   -- records that were at the target before us, and what we wrote over
    entity INTEGER NOT NULL,
    key    TEXT NOT NULL,
    wave   INTEGER NOT NULL,
    place  TEXT NOT NULL,              -- system and entity at the target
    target TEXT NOT NULL,
    taken  TEXT NOT NULL,              -- by the target's clock: a later change is somebody else's, or ours
    seal   INTEGER NOT NULL,           -- which key; when that is gone, what was sealed with it is, too
    sealed TEXT NOT NULL,              -- base64 of ciphertext
    PRIMARY KEY (entity, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX image_place ON image (place, target);

CREATE TABLE image_key (               -- the key of a wave's images, wrapped by the vault's own
    id      INTEGER PRIMARY KEY,
    wave    INTEGER NOT NULL UNIQUE,
    wrapped TEXT NOT NULL
);

-- Version 8 adds

CREATE INDEX entry_changing ON entry (wave, entity) WHERE print = '?';

-- Version 9 adds

CREATE TRIGGER drift_anew AFTER UPDATE OF target ON entry WHEN old.target <> '' AND old.target <> new.target BEGIN
    DELETE FROM drift WHERE home = old.entity AND root = old.key;  -- found on a copy that is not the record's any more
    DELETE FROM drift WHERE entity = old.entity AND key = old.key;
END;
