# SPDX-License-Identifier: Apache-2.0
"""PROMISES R37: who serves may read and write rows, and nothing else in the database."""
import subprocess

import pytest
from conftest import PSQL, wait_until
from smtp_raw import fetch_all, send_message


def as_role(server, role, sql):
    """What psql says when another role of the embedded cluster runs it."""
    conninfo = f"{server.status()['database']}_{role}"
    return subprocess.run([PSQL, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-c", sql], text=True,
                          capture_output=True, check=False)


def test_workers_work_as_a_role_of_their_own(heronry):
    user = heronry.new_user()
    assert send_message(heronry.ports["smtp"], [user["address"]], b"Subject: role\r\n\r\nx\r\n")[0] == 250
    assert len(fetch_all(heronry, user)) == 1
    roles = lambda: as_role(heronry, "admin", "SELECT DISTINCT usename FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                            " AND backend_type = 'client backend'").stdout.split()
    wait_until(lambda: roles() == ["heronry_worker"], what="nobody but workers, when the commands of other tests have gone")
    assert heronry.psql("SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication"
                        " FROM pg_roles WHERE rolname = 'heronry_worker'") == "f"
    assert heronry.psql("SELECT count(*) FROM pg_auth_members WHERE member = 'heronry_worker'::regrole") == "0"
    assert heronry.psql("SELECT count(*) FROM pg_class WHERE relowner = 'heronry_worker'::regrole") == "0"


@pytest.mark.parametrize("sql", [
    "CREATE TABLE mine (x int)", "CREATE TEMPORARY TABLE mine (x int)", "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP TABLE message", "TRUNCATE account CASCADE",
    "ALTER TABLE account ADD COLUMN x int", "CREATE INDEX ON account (login)", "DROP FUNCTION audit_log_refuse() CASCADE",
    "COPY account TO PROGRAM 'cat'", "COPY account TO '/tmp/x'", "SELECT pg_read_file('/etc/passwd')",
    "CREATE ROLE mine", "ALTER ROLE heronry_worker SUPERUSER", "GRANT heronry TO heronry_worker", "SET ROLE heronry",
    "UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "DELETE FROM schema_migration", "CREATE EXTENSION dblink",
])
def test_what_a_worker_may_not(heronry, sql):
    done = as_role(heronry, "worker", sql)
    assert done.returncode != 0
    assert any(reason in done.stderr for reason in ("permission denied", "must be owner", "must be superuser",
                                                    "must have admin option")), done.stderr


def test_what_a_worker_may(heronry):
    for sql in ("SELECT count(*) FROM account", "SELECT delivered_rotate()",
                "SELECT change_compact(account_id, 0, 1000) FROM account",
                "INSERT INTO audit_log (actor, action) VALUES ('test', 'test.role')"):
        done = as_role(heronry, "worker", sql)
        assert done.returncode == 0, done.stderr


def test_an_older_cluster_gets_the_role(heronry_factory):
    """One that was made without the role: the next start makes it, with its rights."""
    server = heronry_factory()
    done = as_role(server, "admin", "DROP OWNED BY heronry_worker; DROP ROLE heronry_worker")
    assert done.returncode == 0, done.stderr
    server.restart()
    user = server.new_user()
    assert send_message(server.ports["smtp"], [user["address"]], b"Subject: again\r\n\r\nx\r\n")[0] == 250
    assert server.cli("migrate", "--status").returncode == 0
    assert "up to date" in server.cli("migrate").stdout
