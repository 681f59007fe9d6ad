-- SPDX-License-Identifier: Apache-2.0
-- When a record that this server put into the DNS was last of use: a TLSA record stays for a while after the last frontend
-- has another certificate.
ALTER TABLE dns_made ADD COLUMN used_at timestamptz NOT NULL DEFAULT now();
