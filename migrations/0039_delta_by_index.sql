-- SPDX-License-Identifier: Apache-2.0
-- What changed in a mailbox is read range by range from the primary key. As a plain join the planner
-- took the modseq for the better filter and read the whole partition: 38 ms instead of 0.1 ms for
-- each new message in a mailbox of 100,000. OFFSET 0 keeps the ranges outside, and the modseq is asked
-- for outside of them: inside, all that changed was read again for each range, 84 ms instead of 6 for
-- 1,000 changes all over a mailbox.
CREATE OR REPLACE FUNCTION mailbox_delta(p_account bigint, p_mailbox int, p_since bigint)
RETURNS mailbox_picture LANGUAGE plpgsql STABLE AS $$
DECLARE
    v mailbox_picture := mailbox_frame(p_account, p_mailbox);
    v_touched int8multirange;
    v_gone int8multirange;
BEGIN
    v.too_old := false;
    IF v.uidvalidity IS NULL OR v.modseq <= p_since THEN
        RETURN v;
    END IF;
    IF p_since < (SELECT chg_floor FROM account_state WHERE account_id = p_account) THEN
        v.too_old := true;
        RETURN v;
    END IF;
    SELECT range_agg(c.uids) FILTER (WHERE c.kind IN (1, 3)),
           range_agg(c.uids) FILTER (WHERE c.kind = 2)
      INTO v_touched, v_gone
      FROM change c
     WHERE c.account_id = p_account AND c.mailbox_id = p_mailbox AND c.modseq > p_since;
    IF v_gone IS NOT NULL THEN
        SELECT array_agg(lower(r) ORDER BY r), array_agg(upper(r) - 1 ORDER BY r)
          INTO v.firsts, v.lasts FROM unnest(v_gone) r;
        v_touched := v_touched - v_gone;
    END IF;
    SELECT array_agg(m.uid), array_agg(m.msg_id), array_agg(m.modseq),
           array_agg(date_part('epoch', m.idate)::bigint),
           array_agg((m.size::bigint << 8) | m.flags), array_agg(m.kw),
           array_agg(m.uid) FILTER (WHERE m.kwx IS NOT NULL),
           array_agg(array_to_string(m.kwx, ' ')) FILTER (WHERE m.kwx IS NOT NULL)
      INTO v.uids, v.msg_ids, v.modseqs, v.idates, v.sizes_flags, v.kws, v.kwx_uids, v.kwx_names
      FROM (SELECT m.* FROM unnest(v_touched) r
             CROSS JOIN LATERAL
                   (SELECT * FROM mbox_msg x
                     WHERE x.account_id = p_account AND x.mailbox_id = p_mailbox
                       AND x.uid BETWEEN lower(r) AND upper(r) - 1
                    OFFSET 0) m
             WHERE m.modseq > p_since
             ORDER BY m.uid) m;
    RETURN v;
END $$;
