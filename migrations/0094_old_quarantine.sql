-- SPDX-License-Identifier: Apache-2.0
-- What programs of former versions have put in quarantine has the code of what is held by hand, which does not expire. It
-- gets that of the quarantine; what such programs put in later gets it from the upkeep of the queue (sweep.c).
UPDATE q_rcpt SET code = '4.6.0' WHERE kept AND status IN (-3, -1) AND code = '4.7.0'
   AND reply IN ('a filter holds it', 'DMARC of its author failed');
