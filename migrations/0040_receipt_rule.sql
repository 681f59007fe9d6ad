-- SPDX-License-Identifier: Apache-2.0
-- Whose mail is wanted and whose is not, by the word of the administrator (`heronry whitelist receipt`,
-- `heronry blacklist receipt`).

CREATE TABLE receipt_rule (
    receipt_rule_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list       text NOT NULL CHECK (list IN ('whitelist', 'blacklist')),
    kind       text NOT NULL CHECK (kind IN ('address', 'domain', 'network')),
    subject    text NOT NULL,                              -- in its normal form, lower case
    domain_id  bigint REFERENCES domain ON DELETE CASCADE, -- of the recipients; NULL: all of ours
    note       text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (subject, domain_id)
);
CREATE INDEX receipt_rule_domain ON receipt_rule (domain_id);

-- p_domain is empty for all domains. HR404: no such domain; HR409: the subject is on a list for it already;
-- HR413: there are as many rules as processes keep in memory.
CREATE FUNCTION receipt_rule_add(p_list text, p_kind text, p_subject text, p_domain text, p_note text, p_max bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_domain bigint;
    v_rule   bigint;
BEGIN
    IF p_domain <> '' THEN
        SELECT domain_id INTO v_domain FROM domain WHERE name = p_domain FOR SHARE;
        IF v_domain IS NULL THEN
            RAISE EXCEPTION 'no such domain' USING ERRCODE = 'HR404';
        END IF;
    END IF;
    IF (SELECT count(*) FROM receipt_rule) >= p_max THEN
        RAISE EXCEPTION 'there are % rules already', p_max USING ERRCODE = 'HR413';
    END IF;
    INSERT INTO receipt_rule (list, kind, subject, domain_id, note)
    VALUES (p_list, p_kind, p_subject, v_domain, p_note)
    ON CONFLICT DO NOTHING RETURNING receipt_rule_id INTO v_rule;
    IF v_rule IS NULL THEN
        RAISE EXCEPTION 'the subject is on a list already' USING ERRCODE = 'HR409';
    END IF;
    RETURN v_rule;
END $$;

-- HR404: no such rule.
CREATE FUNCTION receipt_rule_remove(p_rule bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM receipt_rule WHERE receipt_rule_id = p_rule;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such rule' USING ERRCODE = 'HR404';
    END IF;
    RETURN p_rule;
END $$;
