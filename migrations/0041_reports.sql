-- SPDX-License-Identifier: Apache-2.0
-- What other domains are told once a day: how TLS went with their servers (TLS-RPT, RFC 8460), and what
-- mail in their name proved (DMARC aggregate reports, RFC 9990). Rows are counted by all processes; `key`
-- is the SHA-256 of the day and all other columns.

CREATE TABLE report_tls (
    day           date NOT NULL,      -- UTC
    domain        text NOT NULL,      -- that mail was for
    key           bytea NOT NULL,
    sessions      bigint NOT NULL,
    policy_type   text NOT NULL,      -- tlsa, sts, no-policy-found
    policy_domain text NOT NULL,
    policy        text NOT NULL,      -- its lines
    result        text NOT NULL,      -- successful, or a type of RFC 8460 section 4.3
    mx            text NOT NULL,      -- this and the rest: of failures only
    mx_ip         text NOT NULL,
    our_ip        text NOT NULL,
    reason        text NOT NULL,
    PRIMARY KEY (day, domain, key)
);

CREATE TABLE report_dmarc (
    day           date NOT NULL,      -- UTC
    domain        text NOT NULL,      -- whose policy counted
    key           bytea NOT NULL,
    messages      bigint NOT NULL,
    last          timestamptz NOT NULL,
    record        text NOT NULL,      -- the policy
    source        text NOT NULL,      -- address of the client
    disposition   text NOT NULL,
    dkim          text NOT NULL,      -- pass, fail: aligned
    spf           text NOT NULL,
    override      text NOT NULL,      -- why the disposition is not what the domain wanted
    comment       text NOT NULL,
    header_from   text NOT NULL,
    envelope_from text NOT NULL,
    signatures    text NOT NULL,      -- lines: result, domain, selector
    spf_domain    text NOT NULL,
    spf_scope     text NOT NULL,
    spf_result    text NOT NULL,
    PRIMARY KEY (day, domain, key)
);

CREATE TABLE report (
    kind      text NOT NULL CHECK (kind IN ('tls', 'dmarc')),
    day       date NOT NULL,
    domain    text NOT NULL,
    state     text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sent', 'dropped')),
    due       timestamptz NOT NULL,
    attempts  bigint NOT NULL DEFAULT 0,
    is_mailed boolean NOT NULL DEFAULT false,
    posted    text[] NOT NULL DEFAULT '{}', -- URLs that have it
    note      text NOT NULL DEFAULT '',
    changed   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, kind, domain)
);
CREATE INDEX report_due ON report (due) WHERE state = 'due';

-- The outcome of the attempt after `p_attempts` others. HR412: another process made it.
CREATE FUNCTION report_note(p_kind text, p_day date, p_domain text, p_attempts bigint, p_state text,
                            p_again_ms bigint, p_is_mailed boolean, p_posted text[], p_note text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE report
       SET state = p_state, attempts = p_attempts + 1, is_mailed = p_is_mailed, posted = p_posted,
           note = p_note, changed = now(),
           due = CASE WHEN p_state = 'due' THEN now() + p_again_ms * interval '1 millisecond' ELSE due END
     WHERE kind = p_kind AND day = p_day AND domain = p_domain AND state = 'due' AND attempts = p_attempts;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another process sent the report' USING ERRCODE = 'HR412';
    END IF;
END $$;

-- HR404: no such report; HR412: it was sent, or its day is not over.
CREATE FUNCTION report_send_now(p_kind text, p_day date, p_domain text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_state text;
BEGIN
    SELECT state INTO v_state FROM report WHERE kind = p_kind AND day = p_day AND domain = p_domain FOR UPDATE;
    IF v_state IS NULL THEN
        RAISE EXCEPTION 'no such report' USING ERRCODE = 'HR404';
    END IF;
    IF v_state = 'sent' OR p_day >= (now() AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'the report was sent, or its day is not over' USING ERRCODE = 'HR412';
    END IF;
    UPDATE report SET state = 'due', due = now(), attempts = 0, note = '', changed = now()
     WHERE kind = p_kind AND day = p_day AND domain = p_domain;
END $$;
