-- SPDX-License-Identifier: Apache-2.0
-- Mail that is being written: uploads, drafts, and what was sent and can still be taken back.

CREATE TABLE upload (
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    upload_id  text NOT NULL,                        -- random
    name       text NOT NULL,
    type       text NOT NULL,
    size       bigint NOT NULL,                      -- of the whole file
    received   bigint NOT NULL DEFAULT 0,            -- octets that are there, from the first on
    expires_at timestamptz NOT NULL DEFAULT now() + interval '1 day',
    PRIMARY KEY (account_id, upload_id)
);
CREATE INDEX upload_end ON upload (expires_at);

CREATE TABLE upload_part (
    account_id bigint NOT NULL,
    upload_id  text NOT NULL,
    start_at   bigint NOT NULL,                      -- offset of its first octet
    data       bytea NOT NULL,
    PRIMARY KEY (account_id, upload_id, start_at),
    FOREIGN KEY (account_id, upload_id) REFERENCES upload ON DELETE CASCADE
);
ALTER TABLE upload_part ALTER COLUMN data SET STORAGE EXTERNAL;

-- A draft is what the apps edit; msg_id is the message in the mailbox of drafts that shows it. One
-- whose message is gone is gone too.
CREATE TABLE draft (
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    draft_id   bigint GENERATED ALWAYS AS IDENTITY,
    version    bigint NOT NULL DEFAULT 1,
    msg_id     bigint NOT NULL,
    document   text NOT NULL,                        -- JSON: DraftInput of the contract
    uploads    text[] NOT NULL DEFAULT '{}',         -- that it uses
    is_sending boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, draft_id)
);
CREATE INDEX draft_message ON draft (account_id, msg_id);

CREATE TABLE submission (
    account_id    bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    submission_id bigint GENERATED ALWAYS AS IDENTITY,
    draft_id      bigint NOT NULL,
    msg_id        bigint NOT NULL,                   -- the message, first in Drafts, then in Sent
    status        smallint NOT NULL DEFAULT 0,       -- 0 can be taken back, 1 sent, 2 taken back
    due_at        timestamptz NOT NULL,              -- when it goes
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    attempts      int NOT NULL DEFAULT 0,
    queue_id      bigint NOT NULL DEFAULT 0,         -- of its remote recipients
    from_addr     text NOT NULL,
    recipients    text[] NOT NULL,
    subject       text NOT NULL,
    answers       bigint NOT NULL DEFAULT 0,         -- message that it answers or forwards
    is_forward    boolean NOT NULL DEFAULT false,
    failure       text NOT NULL DEFAULT '',          -- why it could not be sent, for its sender
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, submission_id)
);
CREATE INDEX submission_due ON submission (due_at) WHERE status = 0;

-- Begins an upload when the account has room for it: 500 MB in 200 files. HR413.
CREATE FUNCTION upload_begin(p_account bigint, p_id text, p_name text, p_type text, p_size bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_bytes numeric;
    v_count bigint;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    SELECT coalesce(sum(size), 0), count(*) INTO v_bytes, v_count FROM upload
     WHERE account_id = p_account;
    IF v_bytes + p_size > 524288000 OR v_count >= 200 THEN
        RAISE EXCEPTION 'too many uploads' USING ERRCODE = 'HR413';
    END IF;
    INSERT INTO upload (account_id, upload_id, name, type, size)
    VALUES (p_account, p_id, p_name, p_type, p_size);
END $$;

-- Adds a part and gives how many octets are there then. A part that is there already is no fault.
-- HR404; HR412 when it begins elsewhere than where the file ends, or goes past the size.
CREATE FUNCTION upload_add(p_account bigint, p_id text, p_start bigint, p_size bigint, p_data bytea)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v upload;
BEGIN
    SELECT * INTO v FROM upload WHERE account_id = p_account AND upload_id = p_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such upload' USING ERRCODE = 'HR404';
    END IF;
    IF p_size <> v.size OR p_start > v.received OR p_start + length(p_data) > v.size THEN
        RAISE EXCEPTION 'not the next part' USING ERRCODE = 'HR412';
    END IF;
    IF p_start < v.received THEN
        IF NOT EXISTS (SELECT 1 FROM upload_part WHERE account_id = p_account AND upload_id = p_id
                          AND start_at = p_start AND length(data) = length(p_data)) THEN
            RAISE EXCEPTION 'not the next part' USING ERRCODE = 'HR412';
        END IF;
        RETURN v.received;
    END IF;
    IF length(p_data) > 0 THEN
        INSERT INTO upload_part (account_id, upload_id, start_at, data)
        VALUES (p_account, p_id, p_start, p_data);
    END IF;
    UPDATE upload SET received = p_start + length(p_data), expires_at = now() + interval '1 day'
     WHERE account_id = p_account AND upload_id = p_id;
    RETURN p_start + length(p_data);
END $$;
