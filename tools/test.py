#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every test of Heronry on this machine: installs what is missing, builds, tests, and ends with
one line "N passed, N failed". The same command runs in continuous integration.

  tools/test                  everything
  tools/test unit fuzz        some steps only (see --list)
  tools/test --fuzz-seconds 60    fuzz each target longer
"""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
RESULTS = BUILD / "test-results"
JOBS = str(os.cpu_count() or 2)
# For work that only takes what is left of the processors: also where the kernel shares them by session first.
PATIENTLY = ["sh", "-c", 'echo 19 2>/dev/null >/proc/self/autogroup; exec nice -n 19 "$0" "$@"']
# A network with nothing but loopback, for the command behind it.
OWN_NETWORK = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
LANES = int(JOBS) + 1    # tests that run at the same time: a third of their time they wait
INTEGRATION_PARTS = 8   # small enough that no lane waits long for the last one


@dataclasses.dataclass
class Suite:
    """Tests that pytest runs at the end, beside other suites; `after` looks at what they left behind."""

    paths: list
    after: object = None


@dataclasses.dataclass
class Later:
    """What a step leaves to do beside other steps: suites by name, and patient work, done one by one."""

    suites: dict = dataclasses.field(default_factory=dict)
    patient: list = dataclasses.field(default_factory=list)


class Report:
    """What passed and failed so far, and how long the steps took."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.failures = []
        self.began = time.monotonic()

    def add(self, name, ok):
        self.passed += ok
        self.failed += not ok
        if not ok:
            self.failures.append(name)

    def add_junit(self, path, prefix):
        """Counts the cases of a JUnit file; a missing file is one failure."""
        if not path.exists():
            self.add(f"{prefix}: no results were written", False)
            return
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            if case.find("skipped") is not None or case.get("status") in ("disabled", "notrun"):
                # Nothing here may be skipped: a test that does not run does not prove anything.
                self.add(f"{prefix}: {case.get('name')} was skipped", False)
                continue
            bad = case.find("failure") is not None or case.find("error") is not None
            self.add(f"{prefix}: {case.get('classname', '')} {case.get('name')}", not bad)

    def show_failed(self, path):
        """Prints the end of what each failed case of a JUnit file printed."""
        cases = xml.etree.ElementTree.parse(path).iter("testcase") if path.exists() else ()
        for case in cases:
            if case.find("failure") is not None:
                print(f"--- {case.get('name')}\n{(case.findtext('system-out') or '')[-4000:]}", flush=True)

    def say(self, text):
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)


def run(command, patiently=False, **more):
    around = PATIENTLY if patiently else []
    return subprocess.run([*around, *map(str, command)], cwd=ROOT, check=False, start_new_session=patiently, **more).returncode


def build(report, preset, *targets, patiently=False):
    """Configures and builds a preset; a failure counts as one."""
    report.say(f"build {preset}")
    quiet = {"stdout": subprocess.DEVNULL}
    wanted = [a for t in targets for a in ("--target", t)]
    ok = run(["cmake", "--preset", preset], **quiet) == 0
    log = RESULTS / f"build-{preset}.log"
    with open(log, "w", encoding="utf-8") as out:
        ok = ok and run(["cmake", "--build", BUILD / preset, "-j", JOBS, *wanted], patiently,
                        stdout=out, stderr=subprocess.STDOUT) == 0
    if not ok:
        print(log.read_text(encoding="utf-8")[-6000:])
    report.add(f"build {preset}", ok)
    return ok


def ctest(report, preset, name, *select, jobs=JOBS, patiently=False):
    report.say(f"{name} ({preset})")
    # Under ASan cmocka's jump out of a fiber's stack hides which assertion it was.
    environment = dict(os.environ, CMOCKA_TEST_ABORT="1") if preset == "asan" else None
    result = RESULTS / f"ctest-{name}-{preset}.xml"
    result.unlink(missing_ok=True)
    with open(RESULTS / f"ctest-{name}-{preset}.log", "w", encoding="utf-8") as out:
        run(["ctest", "--test-dir", BUILD / preset, "-j", jobs, "--output-on-failure",
             "--output-junit", result, *select], patiently, stdout=out, stderr=subprocess.STDOUT, env=environment)
    report.add_junit(result, f"{name} ({preset})")
    report.show_failed(result)


def run_pytest(name, paths, around, out):
    """Runs pytest on files or folders inside of the command `around`; gives where its results are."""
    result = RESULTS / f"pytest-{name}.xml"
    result.unlink(missing_ok=True)
    environment = dict(os.environ, HERONRY_BIN=str(BUILD / "dev/heronry"), PYTHONDONTWRITEBYTECODE="1")
    run([*around, "/usr/bin/python3", "-m", "pytest", "-q", "-x" if "CI_FAIL_FAST" in os.environ else "-q",
         f"--junitxml={result}", "-p", "no:cacheprovider", *paths], env=environment, stdout=out, stderr=subprocess.STDOUT)
    return result


def run_suites(report, suites, patient):
    """Runs {name: Suite} in lanes, each suite in a network of its own, so that no port of one is in the way of
    another; one after the other where no network can be made. What each printed follows in order. Beside them
    the functions of `patient`, one after the other."""
    can_part = run([*OWN_NETWORK, "true"], stderr=subprocess.DEVNULL) == 0

    def one(name):
        began = time.monotonic()
        with open(RESULTS / f"pytest-{name}.log", "w", encoding="utf-8") as out:
            result = run_pytest(name, suites[name].paths, OWN_NETWORK if can_part else (), out)
        report.say(f"{name} took {time.monotonic() - began:.0f} s")
        return result

    if suites:
        report.say("running server: " + ", ".join(suites))
    with concurrent.futures.ThreadPoolExecutor(LANES if can_part else 1) as pool:
        results = pool.map(one, suites)
        for work in patient:
            work()
        for name, result in zip(suites, results):
            print((RESULTS / f"pytest-{name}.log").read_text(encoding="utf-8", errors="replace"), flush=True)
            report.add_junit(result, name)
    for suite in suites.values():
        if suite.after:
            suite.after(report)


def step_structure(report, options):
    """The house rules: layers, headers, sizes, format, words, YIELDS marks, clang-tidy."""
    if not build(report, "dev"):
        return Later()
    return Later(patient=[lambda: ctest(report, "dev", "structure", "-L", "structure", patiently=True)])


def step_unit(report, options):
    """Unit tests of every module and replays of the fuzz corpora, plain and with sanitizers."""
    if build(report, "dev"):
        ctest(report, "dev", "unit", "-L", "unit|replay", jobs=str(LANES))
    if build(report, "asan"):
        ctest(report, "asan", "unit", "-L", "unit|replay", jobs=str(LANES))
    if build(report, "tsan", "test_runtime_fibers", "test_runtime_work", "test_http_events", "test_http_abort"):
        ctest(report, "tsan", "unit", "-R", "unit/(runtime/(fibers|work)|http/(events|abort))$")
    return Later()


def fuzz(target, seconds):
    """Runs one fuzz target; gives what it printed when it found something, or None."""
    corpus = ROOT / "tests/fuzz/corpus" / target.name
    fresh = BUILD / "fuzz-corpus" / target.name
    fresh.mkdir(parents=True, exist_ok=True)
    log = RESULTS / f"{target.name}.log"
    with open(log, "w", encoding="utf-8") as out:
        ok = run([target, fresh, corpus, f"-max_total_time={seconds}", "-timeout=25", "-rss_limit_mb=2048",
                  "-max_len=65536", f"-artifact_prefix={BUILD}/fuzz-findings/{target.name}-"], True,
                 stdout=out, stderr=subprocess.STDOUT) == 0
    return None if ok else log.read_text(encoding="utf-8", errors="replace")[-3000:]


def fuzz_all(report, options):
    if not build(report, "fuzz", patiently=True):
        return
    report.say(f"fuzz, {options.fuzz_seconds} s each target")
    (BUILD / "fuzz-findings").mkdir(exist_ok=True)
    targets = sorted(p for p in (BUILD / "fuzz").glob("fuzz_*") if p.suffix == "")
    report.add("fuzz targets exist", bool(targets))
    with concurrent.futures.ThreadPoolExecutor(int(JOBS)) as pool:
        for target, found in zip(targets, pool.map(lambda one: fuzz(one, options.fuzz_seconds), targets)):
            if found:
                print(found)
            report.add(f"fuzz {target.name}", found is None)


def step_fuzz(report, options):
    """Each fuzz target for a few seconds from its corpus, as many at once as there are processors."""
    return Later(patient=[lambda: fuzz_all(report, options)])


def step_release(report, options):
    """What is shipped: builds with hardening, holds no failpoints, links no dynamic libev. What measures it builds, too."""
    if not build(report, "release", "heronry", "loadgen", "httpbench", "dkimbench", "queuebench"):
        return Later()
    binary = BUILD / "release/heronry"
    report.add("release binary holds no failpoints", b"HERONRY_FAILPOINT" not in binary.read_bytes())
    linked = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=True).stdout
    report.add("libev is not linked dynamically", "libev.so" not in linked and "libunbound" in linked)
    symbols = subprocess.run(["nm", "-D", "--defined-only", str(binary)], capture_output=True,
                             text=True, check=True).stdout
    report.add("libev's libevent names are not exported", not re.search(r" event_set$", symbols, re.M))
    return Later()


def step_web(report, options):
    """The apps: types, unit tests, a browser on the running server."""
    if not build(report, "dev") or not build(report, "dev", "web"):
        return Later()
    for script in ("check", "test"):
        report.say(f"npm run {script}")
        log = RESULTS / f"npm-{script}.log"
        with open(log, "w", encoding="utf-8") as out:
            ok = run(["npm", "run", script, "--loglevel=error"], stdout=out, stderr=subprocess.STDOUT) == 0
        if not ok:
            print(log.read_text(encoding="utf-8", errors="replace")[-6000:])
        report.add(f"npm run {script}", ok)
    return Later({"web": Suite(["tests/web"])})


def check_coverage(report):
    report.add("api: every answer of the contract was seen", run([ROOT / "tests/api/coverage.py"]) == 0)


def step_api(report, options):
    """The HTTP API and its contract: each operation rightly and wrongly, and every answer seen."""
    if not build(report, "dev") or not build(report, "dev", "web"):
        return Later()
    run([ROOT / "tests/api/coverage.py", "--begin"])
    return Later({"api": Suite(["tests/api"], check_coverage)})


def step_integration(report, options):
    """The running server: dialogues, real clients, mail to the world, other mail servers, faults."""
    if not build(report, "dev"):
        return Later()
    report.add("other mail servers are there", run([ROOT / "tools/neighbours"]) == 0)
    files = sorted((ROOT / "tests/integration").glob("test_*.py"))
    parts = [files[i::INTEGRATION_PARTS] for i in range(INTEGRATION_PARTS)]
    return Later({**{f"integration-{i}": Suite(part) for i, part in enumerate(parts, 1)}, "dialogue": Suite(["tests/dialogue"])})


# A step does its work, and gives what is done together once all steps are through.
STEPS = {f.__name__[5:]: f for f in (step_structure, step_unit, step_fuzz, step_release, step_web, step_api, step_integration)}


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", choices=[[], *STEPS], metavar="STEP", help="default: all")
    parser.add_argument("--list", action="store_true", help="name the steps and end")
    parser.add_argument("--fuzz-seconds", type=int, default=3, help="for each fuzz target (default 3)")
    parser.add_argument("--no-setup", action="store_true", help="do not look for missing packages")
    return parser.parse_args()


def main():
    options = parse_arguments()
    if options.list:
        print("\n".join(f"{name:12} {step.__doc__.splitlines()[0]}" for name, step in STEPS.items()))
        return 0
    report = Report()
    if not options.no_setup:
        report.say("set-up: packages")
        if run([ROOT / "tools/setup", "build", "web", "run", "test"]) != 0:
            report.add("set-up", False)
    os.environ["PATH"] = subprocess.run([ROOT / "tools/node", "sh", "-c", "echo $PATH"], capture_output=True,
                                        text=True, check=True).stdout.strip()
    RESULTS.mkdir(parents=True, exist_ok=True)
    together = Later()
    for name in options.steps or STEPS:
        later = STEPS[name](report, options)
        together.suites.update(later.suites)
        together.patient += later.patient
    run_suites(report, together.suites, together.patient)
    report.say("done")
    for failure in report.failures:
        print(f"FAILED  {failure}")
    print(f"{report.passed} passed, {report.failed} failed")
    return 0 if report.failed == 0 and report.passed else 1


sys.exit(main())
