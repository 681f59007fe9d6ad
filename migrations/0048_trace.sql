-- SPDX-License-Identifier: Apache-2.0
-- The history of outbound mail: each attempt to deliver to a recipient, kept for a while after the
-- message has left the queue. Rows are only added, and swept by age. Programs of the version before
-- may run beside this one: they add no history, and put messages in without a Message-ID.

ALTER TABLE q_msg ADD COLUMN message_id text NOT NULL DEFAULT ''; -- without brackets
CREATE INDEX q_msg_message ON q_msg (message_id) WHERE message_id <> '';
-- Of what is held: an administrator holds it by hand, and its sender has no say.
ALTER TABLE q_rcpt ADD COLUMN kept boolean NOT NULL DEFAULT false;

CREATE TABLE q_attempt (
    queue_id   bigint NOT NULL,
    recipient  text NOT NULL,
    attempt    int NOT NULL,                     -- 1 the first; what ends it without one has the number
                                                 -- of the last
    outcome    smallint NOT NULL,                -- 0 delivered, 1 deferred, 2 failed, 3 held,
                                                 -- 4 taken out of the queue
    at         timestamptz NOT NULL DEFAULT now(),
    account_id bigint NOT NULL,                  -- these four as in q_msg
    sender     text NOT NULL,
    message_id text NOT NULL,
    created    timestamptz NOT NULL,
    stage      text NOT NULL,                    -- how far it got: "connect", "rcpt", "message", ...
    code       text NOT NULL,                    -- enhanced status
    reply      text NOT NULL,
    remote     text NOT NULL,                    -- "mx.example.net [192.0.2.1]"
    tls        text NOT NULL,                    -- whose word on TLS counted, and what came of it
    secured    text NOT NULL,                    -- "TLSv1.3 TLS_AES_256_GCM_SHA384 dane"; '' plain text
    took_ms    int NOT NULL,
    node       text NOT NULL,                    -- the frontend
    PRIMARY KEY (queue_id, recipient, attempt, outcome)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);
CREATE INDEX q_attempt_message ON q_attempt (message_id) WHERE message_id <> '';
CREATE INDEX q_attempt_recipient ON q_attempt (lower(recipient));
CREATE INDEX q_attempt_sender ON q_attempt (lower(sender)) WHERE lower(sender) <> '';

-- Where a message is: one row a recipient, waiting or done with.
CREATE VIEW mail_trace AS
SELECT m.queue_id, m.message_id, m.account_id, m.envelope_from AS sender, r.rcpt AS recipient,
       CASE WHEN r.status = -1 THEN 'held' WHEN r.status = 1 THEN 'failed'
            WHEN r.status > 1 THEN 'delivered' WHEN r.attempts > 0 THEN 'deferred'
            ELSE 'waiting' END AS state,
       m.created, r.attempts, r.last_attempt,
       CASE WHEN r.status = 0 THEN r.due END AS next_attempt, r.code, r.reply, r.remote, r.tls
  FROM q_rcpt r JOIN q_msg m USING (queue_id)
UNION ALL
SELECT a.queue_id, a.message_id, a.account_id, a.sender, a.recipient,
       CASE a.outcome WHEN 0 THEN 'delivered' WHEN 2 THEN 'failed' ELSE 'dropped' END,
       a.created, a.attempt, a.at, NULL, a.code, a.reply, a.remote, a.tls
  FROM q_attempt a
 WHERE a.outcome IN (0, 2, 4)
   AND NOT EXISTS (SELECT 1 FROM q_rcpt r WHERE r.queue_id = a.queue_id AND r.rcpt = a.recipient);
