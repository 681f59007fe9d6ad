-- SPDX-License-Identifier: Apache-2.0
-- What other servers report about our domains: how TLS with our servers went (TLS-RPT, RFC 8460), and what
-- mail in the name of our domains proved to them (DMARC aggregate reports, RFC 9990).

CREATE TABLE received_report (
    report       bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind         text NOT NULL CHECK (kind IN ('tls', 'dmarc')),
    domain       text NOT NULL,          -- that it is about
    own_domain   text NOT NULL DEFAULT '', -- of ours: this one or one above it
    organization text NOT NULL,          -- who reports
    contact      text NOT NULL,
    report_id    text NOT NULL,          -- theirs
    policy       text NOT NULL,          -- as they saw it; of TLS the first one
    begins       timestamptz NOT NULL,
    ends         timestamptz NOT NULL,
    received     timestamptz NOT NULL DEFAULT now(),
    good         bigint NOT NULL,        -- messages that DKIM or SPF proved; sessions with TLS
    bad          bigint NOT NULL,
    UNIQUE (kind, organization, report_id, domain)
);
CREATE INDEX received_report_domain ON received_report (domain, begins);
CREATE INDEX received_report_own ON received_report (own_domain, received);
CREATE INDEX received_report_received ON received_report (received);

CREATE TABLE received_report_dmarc (
    report        bigint NOT NULL REFERENCES received_report ON DELETE CASCADE,
    source        text NOT NULL,         -- address that the mail came from
    messages      bigint NOT NULL,
    disposition   text NOT NULL,
    dkim          text NOT NULL,         -- pass, fail: aligned
    spf           text NOT NULL,
    override      text NOT NULL,
    comment       text NOT NULL,
    header_from   text NOT NULL,
    envelope_from text NOT NULL,
    signatures    text NOT NULL,         -- lines: result, domain, selector
    spf_domain    text NOT NULL,
    spf_scope     text NOT NULL,
    spf_result    text NOT NULL
);
CREATE INDEX received_report_dmarc_report ON received_report_dmarc (report);

CREATE TABLE received_report_tls (
    report        bigint NOT NULL REFERENCES received_report ON DELETE CASCADE,
    sessions      bigint NOT NULL,
    policy_type   text NOT NULL,
    policy_domain text NOT NULL,
    result        text NOT NULL,         -- successful, or a type of RFC 8460 section 4.3
    mx            text NOT NULL,
    mx_ip         text NOT NULL,
    sender_ip     text NOT NULL,
    reason        text NOT NULL
);
CREATE INDEX received_report_tls_report ON received_report_tls (report);

-- The number of the new report; NULL: this one came before. HR413: too many about this domain of ours, and those
-- below it, in a day.
CREATE FUNCTION received_report_add(p_kind text, p_domain text, p_organization text, p_contact text,
                                    p_report_id text, p_policy text, p_begins timestamptz, p_ends timestamptz,
                                    p_good bigint, p_bad bigint, p_most bigint, p_own_domain text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_report bigint;
BEGIN
    PERFORM 1 FROM received_report WHERE kind = p_kind AND organization = p_organization
        AND report_id = p_report_id AND domain = p_domain;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    IF (SELECT count(*) FROM received_report
         WHERE own_domain = p_own_domain AND received > now() - interval '1 day') >= p_most THEN
        RAISE EXCEPTION 'too many reports about one domain' USING ERRCODE = 'HR413';
    END IF;
    INSERT INTO received_report (kind, domain, own_domain, organization, contact, report_id, policy, begins, ends,
                                 good, bad)
    VALUES (p_kind, p_domain, p_own_domain, p_organization, p_contact, p_report_id, p_policy, p_begins, p_ends,
            p_good, p_bad)
    ON CONFLICT DO NOTHING RETURNING report INTO v_report;
    RETURN v_report;
END $$;
