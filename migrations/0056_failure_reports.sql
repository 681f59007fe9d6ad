-- SPDX-License-Identifier: Apache-2.0
-- Mail in the name of other domains that failed DMARC, of which they want to be told at once (failure reports,
-- RFC 9991). A row is one kind of failure in one hour; what is in it goes when it was sent.

CREATE TABLE report_failure (
    failure    bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    domain     text NOT NULL,                       -- whose policy asks for it
    hour       timestamptz NOT NULL,
    key        bytea NOT NULL,                      -- SHA-256 of what makes it another failure than the last one
    state      text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sent', 'dropped')),
    due        timestamptz NOT NULL DEFAULT now(),
    attempts   bigint NOT NULL DEFAULT 0,
    note       text NOT NULL DEFAULT '',
    created    timestamptz NOT NULL DEFAULT now(),
    recipients text NOT NULL,                       -- ruf= as written
    spf_domain text NOT NULL,                       -- whose SPF record belongs into the report; may be empty
    fields     text NOT NULL,                       -- of the report
    header     text NOT NULL,                       -- of the message, redacted
    UNIQUE (domain, hour, key)
);
CREATE INDEX report_failure_due ON report_failure (due) WHERE state = 'due';
CREATE INDEX report_failure_created ON report_failure (created);

-- Whether it is kept. Not, when its like was there in this hour, when the domain was told of p_per_hour others, or
-- everybody together of p_most.
CREATE FUNCTION report_failure_add(p_domain text, p_key bytea, p_recipients text, p_spf_domain text, p_fields text,
                                   p_header text, p_per_hour bigint, p_most bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_hour timestamptz := date_trunc('hour', now());
BEGIN
    PERFORM 1 FROM report_failure WHERE domain = p_domain AND hour = v_hour AND key = p_key;
    IF FOUND OR (SELECT count(*) FROM report_failure WHERE domain = p_domain AND hour = v_hour) >= p_per_hour
       OR (SELECT count(*) FROM report_failure WHERE created > now() - interval '1 hour') >= p_most THEN
        RETURN false;
    END IF;
    INSERT INTO report_failure (domain, hour, key, recipients, spf_domain, fields, header)
    VALUES (p_domain, v_hour, p_key, p_recipients, p_spf_domain, p_fields, p_header) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- The outcome of the attempt after p_attempts others. HR412: another process made it.
CREATE FUNCTION report_failure_note(p_failure bigint, p_attempts bigint, p_state text, p_again_ms bigint, p_note text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE report_failure
       SET state = p_state, attempts = p_attempts + 1, note = p_note,
           due = now() + p_again_ms * interval '1 millisecond',
           fields = CASE WHEN p_state = 'due' THEN fields ELSE '' END,
           header = CASE WHEN p_state = 'due' THEN header ELSE '' END
     WHERE failure = p_failure AND state = 'due' AND attempts = p_attempts;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another process sent the report' USING ERRCODE = 'HR412';
    END IF;
END $$;
