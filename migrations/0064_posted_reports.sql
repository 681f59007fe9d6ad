-- SPDX-License-Identifier: Apache-2.0
-- Reports of others that came by HTTPS: nothing proves who sent them, so they neither stand in the way of
-- mails that SPF or DKIM proved, nor take of what is allowed to these.

ALTER TABLE received_report ADD COLUMN is_posted boolean NOT NULL DEFAULT false;
CREATE INDEX received_report_posted ON received_report (received) WHERE is_posted;

-- The number of the new report; NULL: this one came before. A mail takes the place of a posted one, atomically:
-- of two that come at once the mail stays. HR413: too many of this way about this domain of ours, and those below
-- it, in a day (p_most); too many posted ones in all (p_most_posted).
CREATE FUNCTION received_report_add(p_kind text, p_domain text, p_organization text, p_contact text,
                                    p_report_id text, p_policy text, p_begins timestamptz, p_ends timestamptz,
                                    p_good bigint, p_bad bigint, p_most bigint, p_own_domain text,
                                    p_is_posted boolean, p_most_posted bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_report bigint;
BEGIN
    PERFORM 1 FROM received_report WHERE kind = p_kind AND organization = p_organization
        AND report_id = p_report_id AND domain = p_domain AND (p_is_posted OR NOT is_posted);
    IF FOUND THEN
        RETURN NULL;
    END IF;
    IF (SELECT count(*) FROM received_report
         WHERE own_domain = p_own_domain AND received > now() - interval '1 day'
           AND is_posted = p_is_posted) >= p_most THEN
        RAISE EXCEPTION 'too many reports about one domain' USING ERRCODE = 'HR413';
    END IF;
    IF p_is_posted AND (SELECT count(*) FROM received_report
                         WHERE is_posted AND received > now() - interval '1 day') >= p_most_posted THEN
        RAISE EXCEPTION 'too many posted reports' USING ERRCODE = 'HR413';
    END IF;
    INSERT INTO received_report AS r (kind, domain, own_domain, organization, contact, report_id, policy, begins,
                                      ends, good, bad, is_posted)
    VALUES (p_kind, p_domain, p_own_domain, p_organization, p_contact, p_report_id, p_policy, p_begins, p_ends,
            p_good, p_bad, p_is_posted)
    ON CONFLICT (kind, organization, report_id, domain) DO UPDATE
        SET own_domain = EXCLUDED.own_domain, contact = EXCLUDED.contact, policy = EXCLUDED.policy,
            begins = EXCLUDED.begins, ends = EXCLUDED.ends, received = now(), good = EXCLUDED.good,
            bad = EXCLUDED.bad, is_posted = false
        WHERE r.is_posted AND NOT EXCLUDED.is_posted
    RETURNING report INTO v_report;
    IF NOT p_is_posted THEN
        DELETE FROM received_report_tls WHERE report = v_report;
    END IF;
    RETURN v_report;
END $$;

-- As frontends of the version before call it.
CREATE OR REPLACE FUNCTION received_report_add(p_kind text, p_domain text, p_organization text, p_contact text,
                                               p_report_id text, p_policy text, p_begins timestamptz,
                                               p_ends timestamptz, p_good bigint, p_bad bigint, p_most bigint,
                                               p_own_domain text)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN received_report_add(p_kind, p_domain, p_organization, p_contact, p_report_id, p_policy, p_begins, p_ends,
                               p_good, p_bad, p_most, p_own_domain, false, 0);
END $$;
