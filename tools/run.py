#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and starts Heronry on this machine with a demo domain and two users, and shows how to reach it.

  tools/run                     in the foreground, until Ctrl-C
  tools/run --detach            comes back when everything is ready
  tools/run stop --data DIR     ends the one that works on DIR

The facts (ports, users with passwords, process ids) are also in DIR/run.json. Ports are the standard
ones plus --port-offset: SMTP 10025, submission 10587, submissions 10465, IMAP 10143, IMAPS 10993."""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
from demo.server import STANDARD_PORTS, Failure, Server  # noqa: E402

BUILD = ROOT / "build/release"
BEGAN = time.monotonic()
LOOK_S = 0.2


def default_data():
    """Root's home is closed to the user that Heronry becomes, so root uses /var/lib."""
    if os.geteuid() == 0:
        return pathlib.Path("/var/lib/heronry-demo")
    base = os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local/share"
    return pathlib.Path(base) / "heronry-demo"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", nargs="?", choices=["start", "stop"], default="start")
    parser.add_argument("--data", type=pathlib.Path, default=default_data(), metavar="DIR",
                        help="where everything is kept (default %(default)s)")
    parser.add_argument("--domain", default="demo.example", metavar="NAME", help="the demo domain (default %(default)s)")
    parser.add_argument("--port-offset", type=int, default=10000, metavar="N",
                        help="added to the standard ports (default %(default)s)")
    parser.add_argument("--host", default="*", metavar="ADDRESS",
                        help="numeric address to listen on (default: every address)")
    parser.add_argument("--detach", action="store_true", help="come back when all is ready")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings",
                        help="a further key of the configuration, as delivery.port=2525; may be repeated")
    parser.add_argument("--no-setup", action="store_true", help="do not look for missing packages")
    options = parser.parse_args()
    if not 0 <= options.port_offset <= 65535 - max(STANDARD_PORTS.values()):
        parser.error(f"--port-offset must be between 0 and {65535 - max(STANDARD_PORTS.values())}")
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", options.domain):
        parser.error(f"--domain: {options.domain!r} is not a domain name")
    bad = [s for s in options.settings if not re.fullmatch(r"[a-z_.]+=.*", s)]
    if bad:
        parser.error(f"--set wants KEY=VALUE, not {bad[0]!r}")
    return options


def say(text):
    print(f"[{time.monotonic() - BEGAN:6.1f} s] {text}", flush=True)


def step(text, command):
    """Runs a command of the set-up; its output is shown only when it fails."""
    say(text)
    done = subprocess.run([str(c) for c in command], cwd=ROOT, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Failure(f"{text}: failed\n{done.stdout[-6000:].rstrip()}")


def build():
    """Nothing to do is the usual case and takes a part of a second."""
    if not (BUILD / "build.ninja").exists():
        step("configure the build (release)", ["cmake", "--preset", "release"])
    step("build" if (BUILD / "heronry").exists() else "build (some minutes the first time)", ["cmake", "--build", BUILD, "--target", "heronry"])
    step("build the apps" if (BUILD / "web/stamp").exists() else "build the apps (a minute the first time)",
         ["cmake", "--build", BUILD, "--target", "web"])


def print_table(facts):
    host, domain, ports = facts["host"], facts["domain"], facts["ports"]
    rows = [("mail for " + domain, f"smtp://{host}:{ports['smtp']}", "STARTTLS offered, no login"),
            ("sending", f"smtp://{host}:{ports['submission']}", "STARTTLS, then login"),
            ("sending", f"smtps://{host}:{ports['submissions']}", "TLS from the start, then login"),
            ("reading", f"imap://{host}:{ports['imap']}", "STARTTLS, then login"),
            ("reading", f"imaps://{host}:{ports['imaps']}", "TLS from the start, then login"),
            ("fetching", f"pop3://{host}:{ports['pop3']}", "STLS, then login"),
            ("fetching", f"pop3s://{host}:{ports['pop3s']}", "TLS from the start, then login"),
            ("webmail", f"https://localhost:{ports['https']}/", "sign in with an address below"),
            ("administration", f"https://localhost:{ports['https']}/admin/", "for administrators"),
            ("the API", f"https://localhost:{ports['https']}/api/v1/docs", "its description")]
    print(f"\nHeronry runs as {facts['hostname']}.\n")
    for row in rows:
        print("  {:22} {:36} {}".format(*row))
    print("\n  {:34} {:22} {}".format("user", "password", ""))
    for user in facts["users"]:
        print("  {:34} {:22} {}".format(user["address"], user["password"], "administrator" if user["admin"] else ""))
    print(f"\n  certificate to trust  {facts['tls_ca']}\n  configuration         {facts['config']}"
          f"\n  log                   {facts['log']}\n  these facts           {facts['data']}/run.json")
    print(f"\n  command line          {BUILD}/heronry user list --config {facts['config']}"
          f"\n  stop                  {ROOT}/tools/run stop --data {facts['data']}\n", flush=True)


def end(server):
    say("stop")
    code = server.stop()
    server.forget_pids()
    say("stopped")
    return code


def wait_for_end(server):
    """Foreground: shows the log until the server ends."""
    code = None
    with open(server.log_path, errors="replace", encoding="utf-8") as log:
        log.seek(0, os.SEEK_END)
        # Not one long wait: a signal just before it would be heard only after it.
        while code is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = server.process.wait(timeout=LOOK_S)
            shutil.copyfileobj(log, sys.stdout)
            sys.stdout.flush()
    print(f"heronry serve ended with code {code}; the log is {server.log_path}", file=sys.stderr)
    return code


def start(options):
    ports = {kind: port + options.port_offset for kind, port in STANDARD_PORTS.items()}
    server = Server(options.data, BUILD / "heronry", domain=options.domain.lower(), ports=ports, host=options.host,
                    users=[("ada", True), ("ben", False)],
                    settings=dict(s.split("=", 1) for s in options.settings))
    if server.is_running():
        say(f"already running on {server.folder}")
        print_table(server.read_facts())
        return 0
    if not options.no_setup:
        step("set-up: packages", [ROOT / "tools/setup", "build", "web", "run"])
    build()
    say("configuration")
    server.write_config()
    step("check of the configuration", [server.binary, "config-check", "--config", server.config_path])
    say("start")
    # Ctrl-C and SIGTERM end the server in good order, whenever they come.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.start()
        say("domain and users")
        server.provision()
        facts = server.write_facts()
        say("ready")
        print_table(facts)
        return 0 if options.detach else wait_for_end(server)
    except KeyboardInterrupt:
        code = end(server)
        return 130 if options.detach else code
    except BaseException:
        server.stop()
        raise


def stop(options):
    server = Server(options.data, BUILD / "heronry")
    if not server.is_running():
        say(f"nothing runs on {server.folder}")
        return 0
    end(server)
    return 0


def main():
    options = parse_arguments()
    try:
        return {"start": start, "stop": stop}[options.action](options)
    except Failure as failure:
        print(f"tools/run: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


sys.exit(main())
