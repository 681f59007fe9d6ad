/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators see, in the shapes of the contract (admin.yaml). Pure; all give. */
#ifndef API_SHAPE_ADMIN_H
#define API_SHAPE_ADMIN_H

#include "account/lists.h"
#include "account/profile.h"
#include "audit/audit.h"
#include "queue/queue.h"
#include "services/api/json.h"

json_t *shape_queue_entry(const struct queue_row *row);
json_t *shape_queue_entries(const struct queue_rows *rows);
json_t *shape_queue_domains(const struct queue_groups *groups);
json_t *shape_queue_stats(const struct queue_stats *stats);

json_t *shape_domain(const struct account_domain_row *domain);
json_t *shape_admin_account(const struct account *account,
                            const struct account_addresses *addresses);
json_t *shape_address(const struct account_address_row *address);
json_t *shape_audit_entry(const struct audit_row *row);
/* What an account uses of its quota. */
json_t *shape_account_use(const struct account *account);

#endif
