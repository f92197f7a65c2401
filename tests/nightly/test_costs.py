"""The processor time that each test takes, with its children's: what a busy machine changes little.
usage: test_costs.py BUILD [REGEX]. Runs the tests of that name one after another, and ends with 1 if one fails."""

import json
import os
import re
import signal
import subprocess
import sys

SKIPPED = 77


def tests_of(build):
    """[(name, command, environment, folder)], in the order of ctest."""
    listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, check=True)
    found = []
    for test in json.loads(listing.stdout)["tests"]:
        if "command" not in test:
            sys.exit(f"{test['name']} is not built")
        properties = {entry["name"]: entry["value"] for entry in test["properties"]}
        environment = dict(word.split("=", 1) for word in properties.get("ENVIRONMENT", []))
        found.append((test["name"], test["command"], environment, properties["WORKING_DIRECTORY"]))
    return found


def heed_signals():
    """A background job of a shell ignores SIGINT, and so would the test, which then waits for it in vain."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(command, environment, folder):
    """(exit code, processor seconds)"""
    process = subprocess.Popen(command, cwd=folder, env=dict(os.environ, **environment), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=heed_signals)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def main():
    wanted = re.compile(sys.argv[2] if len(sys.argv) > 2 else "")
    costs, failed = [], []
    for name, command, environment, folder in tests_of(sys.argv[1]):
        if not wanted.search(name):
            continue
        code, seconds = run(command, environment, folder)
        costs.append((seconds, name))
        if code not in (0, SKIPPED):
            failed.append(name)
    for seconds, name in sorted(costs, reverse=True):
        print(f"{seconds:8.2f} {name}")
    print(f"{sum(seconds for seconds, _ in costs):8.2f} {len(costs)} tests; failed, or fail on purpose: {failed}")


if __name__ == "__main__":
    main()
