-- SPDX-License-Identifier: Apache-2.0
-- REPLACE, and the keyword that the server itself gives to messages.

-- Expunges the message whose place another takes in the same transaction (RFC 8508). HR409: it is
-- not there; unless this is the second attempt of a transaction that was committed after all, which
-- the delivery id of the new message tells.
CREATE FUNCTION mailbox_take_replaced(p_account bigint, p_mailbox int, p_uid bigint,
                                      p_to_account bigint, p_day int, p_delivery_id bytea)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint;
    v_n bigint;
BEGIN
    SELECT x.modseq, x.n INTO v_modseq, v_n
      FROM mailbox_expunge(p_account, p_mailbox, ARRAY[p_uid], ARRAY[p_uid], false) x;
    IF v_n = 0 AND NOT EXISTS (
        SELECT 1 FROM delivered WHERE account_id = p_to_account AND day = date '1970-01-01' + p_day
           AND delivery_id = p_delivery_id) THEN
        RAISE EXCEPTION 'the message to be replaced is gone' USING ERRCODE = 'HR409';
    END IF;
    RETURN v_modseq;
END $$;

-- The keywords that the server gives by itself (RFC 9979). They never stop a delivery: the limits of
-- keywords do not count them.
CREATE FUNCTION keyword_is_own(p_name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT lower(p_name) = '$hasattachment'
$$;

-- As before; names that are the server's own do not count.
CREATE OR REPLACE FUNCTION keyword_resolve(p_account bigint, p_names text[], p_make boolean,
                                           OUT mask bigint, OUT more text[])
LANGUAGE plpgsql AS $$
DECLARE
    v_name text;
    v_row keyword;
    v_count int;
    v_bit int;
BEGIN
    mask := 0;
    more := '{}';
    FOREACH v_name IN ARRAY p_names LOOP
        SELECT * INTO v_row FROM keyword
         WHERE account_id = p_account AND name_lower = lower(v_name);
        IF NOT FOUND THEN
            CONTINUE WHEN NOT p_make;
            SELECT count(*) FILTER (WHERE NOT keyword_is_own(name)), max(bit)
              INTO v_count, v_bit FROM keyword WHERE account_id = p_account;
            IF v_count >= 1000 AND NOT keyword_is_own(v_name) THEN
                RAISE EXCEPTION 'too many keywords in the account' USING ERRCODE = 'HR413';
            END IF;
            v_bit := coalesce(v_bit, -1) + 1;
            INSERT INTO keyword (account_id, name_lower, name, bit)
            VALUES (p_account, lower(v_name), v_name, CASE WHEN v_bit < 62 THEN v_bit END)
                RETURNING * INTO v_row;
        END IF;
        IF v_row.bit IS NULL THEN
            more := array_append(more, v_row.name);
        ELSE
            mask := mask | (1::bigint << v_row.bit);
        END IF;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION mailbox_note_keywords(p_account bigint, p_mailbox int, p_mask bigint,
                                                 p_more text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_kw bigint;
    v_kwx text[];
    v_used int;
BEGIN
    UPDATE mailbox_state SET kw = kw | p_mask, kwx = kwx_join(kwx, p_more)
     WHERE account_id = p_account AND mailbox_id = p_mailbox
        RETURNING kw, kwx INTO v_kw, v_kwx;
    v_used := bit_count(v_kw::bit(64)) + coalesce(cardinality(v_kwx), 0);
    IF v_used > 64 THEN
        v_used := v_used - (SELECT count(*) FROM keyword k
                             WHERE k.account_id = p_account AND keyword_is_own(k.name)
                               AND ((k.bit IS NOT NULL AND v_kw & (1::bigint << k.bit) <> 0)
                                    OR k.name = ANY (v_kwx)));
    END IF;
    IF v_used > 64 THEN
        RAISE EXCEPTION 'too many keywords in the mailbox' USING ERRCODE = 'HR413';
    END IF;
END $$;
