-- SPDX-License-Identifier: Apache-2.0
-- COPY and MOVE of messages by number are done whole or not at all (RFC 9051 section 6.4.7): who has been told of
-- messages that are gone by now gets none of the others copied. Called beside mailbox_transfer, in its statement.
CREATE FUNCTION transfer_is_whole(p_missing int, p_n int, p_wanted int) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF p_missing = 0 AND coalesce(p_n, 0) < p_wanted THEN
        RAISE EXCEPTION 'some messages are gone' USING ERRCODE = 'HR412';
    END IF;
    RETURN true;
END $$;
