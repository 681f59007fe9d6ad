-- SPDX-License-Identifier: Apache-2.0
-- A clock that was set back leaves job leases that end hours or days from now. One that ends later
-- than any lease of its kind can is nobody's (R12).

CREATE OR REPLACE FUNCTION job_lease_acquire(p_name text, p_owner text, p_ms bigint) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO job_lease AS l (name, owner, until)
    VALUES (p_name, p_owner, clock_timestamp() + p_ms * interval '1 millisecond')
    ON CONFLICT (name) DO UPDATE
        SET owner = p_owner,
            until = clock_timestamp() + p_ms * interval '1 millisecond',
            token = l.token + (l.owner <> p_owner)::int
        WHERE l.owner = p_owner OR l.until < clock_timestamp()
           OR l.until > clock_timestamp() + greatest(4 * p_ms * interval '1 millisecond',
                                                     interval '10 minutes')
    RETURNING token
$$;
