-- SPDX-License-Identifier: Apache-2.0
-- A key that was brought along from another server is RSA or Ed25519 alone, and its record stands at
-- <selector>._domainkey, whichever it is.
ALTER TABLE dkim_key
    ALTER COLUMN rsa_public DROP NOT NULL, ALTER COLUMN rsa_private DROP NOT NULL,
    ALTER COLUMN ed_public DROP NOT NULL, ALTER COLUMN ed_private DROP NOT NULL,
    ADD CONSTRAINT dkim_key_halves CHECK (
        (rsa_public IS NULL) = (rsa_private IS NULL) AND (ed_public IS NULL) = (ed_private IS NULL)
        AND (rsa_public IS NOT NULL OR ed_public IS NOT NULL));
