-- SPDX-License-Identifier: Apache-2.0
-- What is put into the queue and matches one of these rules is held, as an administrator holds mail by hand. A sender
-- or recipient is an address or "@domain" in lower-case A-labels, '' anybody; '<>' the null sender. Programs of the version
-- before ask for no rule.
CREATE TABLE q_hold_rule (
    rule_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sender     text NOT NULL,
    recipient  text NOT NULL,
    note       text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    UNIQUE (sender, recipient),
    CHECK (sender <> '' OR recipient <> '')
);

-- Adds a rule, and gives its id. HR409: there is one like it. HR413: there are 1000.
CREATE FUNCTION queue_hold_rule_add(p_sender text, p_recipient text, p_note text, p_by text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_id bigint;
BEGIN
    IF (SELECT count(*) FROM q_hold_rule) >= 1000 THEN
        RAISE EXCEPTION 'there are 1000 rules already' USING ERRCODE = 'HR413';
    END IF;
    INSERT INTO q_hold_rule (sender, recipient, note, created_by) VALUES (p_sender, p_recipient, p_note, p_by)
        ON CONFLICT (sender, recipient) DO NOTHING RETURNING rule_id INTO v_id;
    IF v_id IS NULL THEN
        RAISE EXCEPTION 'there is a rule for this already' USING ERRCODE = 'HR409';
    END IF;
    RETURN v_id;
END $$;
