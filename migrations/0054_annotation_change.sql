-- SPDX-License-Identifier: Apache-2.0
-- SETMETADATA of a mailbox's use and of other entries is one change.

-- annotation_set and, with p_has_role, mailbox_set_role. HR404, HR413; HR403 and HR409 of the role.
CREATE FUNCTION annotation_change(p_viewer bigint, p_account bigint, p_mailbox int, p_names text[],
                                  p_values bytea[], p_removed bigint[], p_has_role boolean,
                                  p_role text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_modseq bigint;
BEGIN
    IF p_has_role THEN
        v_modseq := mailbox_set_role(p_account, p_mailbox, p_role);
    END IF;
    IF v_modseq IS NULL OR p_names <> '{}' THEN
        v_modseq := annotation_set(p_viewer, p_account, p_mailbox, p_names, p_values, p_removed);
    END IF;
    RETURN v_modseq;
END $$;
