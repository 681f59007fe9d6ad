/* SPDX-License-Identifier: Apache-2.0 */
/* The program `heronry`: which services it has, and which commands. The only file that knows more
 * than one service. */
#include "services/api/service.h"
#include "services/cli/cli.h"
#include "services/cli/output.h"
#include "services/cli/session.h"
#include "services/delivery/service.h"
#include "services/imap/service.h"
#include "services/pop3/service.h"
#include "services/scheduler/service.h"
#include "services/smtp/service.h"
#include "services/supervisor/supervisor.h"

static const struct app_service *const services[] = {
    &smtp_service,     &imap_service,      &pop3_service,
    &delivery_service, &scheduler_service, &api_service,
};

/* A fault of the configuration has its own code, whatever its kind. */
static enum cli_exit fail_to_serve(const struct cli *cli, const struct err *e)
{
    enum cli_exit code = cli_fail(cli, e);
    cli_advise_config(cli);
    return code == CLI_DATA || code == CLI_NOT_FOUND || code == CLI_DENIED ? CLI_CONFIG : code;
}

static enum cli_exit run_serve(struct cli *cli)
{
    const struct supervisor_options options = {
        .config_path = cli->config_path,
        .roles = cli_option(cli, "--roles"),
        .services = cli->services,
    };
    struct err e = ERR_CLEAR;
    return supervisor_serve(&options, &e) ? CLI_OK : fail_to_serve(cli, &e);
}

static const struct cli_option serve_options[] = {
    { "--roles", "LIST", "only these, of smtp,imap,pop3,delivery,scheduler,api (default: all)" },
};

static const struct cli_command serve_commands[] = {
    { .name = "serve",
      .arguments = "",
      .summary = "Runs the mail server until SIGTERM",
      .details = "SIGHUP reads configuration and certificates again. Without database.url it runs\n"
                 "a PostgreSQL and a Redis of its own under data_dir.",
      .options = serve_options,
      .n_options = COUNT_OF(serve_options),
      .is_local = true,
      .run = run_serve },
};

int main(int argc, char **argv)
{
    const struct cli_group groups[] = {
        { serve_commands, COUNT_OF(serve_commands) },
        cli_base_group,
        cli_domain_group,
        cli_tenant_group,
        cli_domain_check_group,
        cli_delivery_test_group,
        cli_dkim_group,
        cli_dkim_import_group,
        cli_publish_group,
        cli_mta_sts_group,
        cli_receipt_group,
        cli_dnsbl_group,
        cli_user_group,
        cli_address_group,
        cli_app_password_group,
        cli_token_group,
        cli_expunged_group,
        cli_share_group,
        cli_queue_group,
        cli_transport_group,
        cli_relay_group,
        cli_hold_group,
        cli_trace_group,
        cli_sending_group,
        cli_suppression_group,
        cli_queue_act_group,
        cli_hold_rule_group,
        cli_report_group,
        cli_received_report_group,
        cli_capability_group,
        cli_log_group,
    };
    const struct app_services all = { services, COUNT_OF(services) };
    return cli_main(argc, argv, groups, COUNT_OF(groups), &all);
}
