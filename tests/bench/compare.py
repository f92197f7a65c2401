"""Which ratios moved between two results of vitlrp bench --json.

usage: compare.py OLD.json NEW.json [--tolerance 0.1]
       compare.py --name RESULT.json        the file name that a result has in this folder

Only ratios are compared, each measured within one run: to the machine's matrix product, to a forward
pass, to the floor, to the first backend, to one thread. Times of two runs say nothing about each
other. Exit status: 0 nothing got worse by more than the tolerance, 1 something did, 2 the files
cannot be compared. A ratio of which both sides are ours (to a forward pass, say) moves when either
does: that is told, and is neither better nor worse."""

import argparse
import json
import re
import sys

RATIO = re.compile(r"(^|_)per_(?!second)|^(ratio|share)$")
MORE_IS_BETTER = re.compile(r"per_gemm$|^per_one_thread$")
LESS_IS_BETTER = re.compile(r"per_floor$|^ratio$|^evaluator_per_single$")
# Measured once in a run.
NOT_COMPARED = {"first_forward_per_forward"}
# Operations that take less than this share of their pass are noise.
LEAST_SHARE = 0.02
FORMATS = {"vitlrp bench 1": "", "vitlrp bench eval 1": ".eval",
           "vitlrp bench throughput 1": ".throughput"}
# What must be the same for two results to be of one kind of run.
SETTING = ("format", "model", "input_size", "tokens", "threads", "method", "steps")


class Refused(Exception):
    """The files cannot be compared; the text says why."""


def read_result(path):
    try:
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
    except (OSError, ValueError) as error:
        raise Refused(f"{path}: {error}") from error
    if not isinstance(result, dict) or result.get("format") not in FORMATS:
        raise Refused(f"{path}: not a result of vitlrp bench --json")
    return result


def label(element, index):
    if isinstance(element, dict) and "backend" in element:
        return f"{element['backend']} {element.get('precision', '')}".strip()
    if isinstance(element, dict) and "threads" in element:
        return f"{element['threads']} threads"
    return str(index)


def ratios(value, path=()):
    """Yields (path, number) of every ratio below value. The keys that stand at the top for the first
    of several variants are met below variants."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from ratios(element, path + (label(element, index),))
    elif isinstance(value, dict):
        doubled = set(value["variants"][0]) if value.get("variants") else set()
        for key, inner in value.items():
            if key in doubled:
                continue
            if isinstance(inner, (dict, list)):
                yield from ratios(inner, path + (key,))
            elif (RATIO.search(key) and key not in NOT_COMPARED and
                  isinstance(inner, (int, float))):
                yield path + (key,), float(inner)


def small_operations(value, path=()):
    """Paths of operations too short to be compared."""
    if isinstance(value, dict) and value.get("share", 1.0) < LEAST_SHARE:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from small_operations(inner, path + (key,))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from small_operations(element, path + (label(element, index),))


def collect(result):
    small = set(small_operations(result))
    return {path: number for path, number in ratios(result) if path[:-1] not in small}


def check_setting(old, new):
    # Where there are no variants, the precision is that of the whole measurement.
    for key in SETTING if "variants" in old else (*SETTING, "precision"):
        if old.get(key) != new.get(key):
            raise Refused(f"{key} is {old.get(key)!r} in one and {new.get(key)!r} in the other")


def verdict(key, change):
    if MORE_IS_BETTER.search(key):
        return "better" if change > 0.0 else "worse"
    if LESS_IS_BETTER.search(key):
        return "worse" if change > 0.0 else "better"
    return "moved"


def compare(old, new, tolerance):
    """Lines to print, and whether anything got worse."""
    before, after = collect(old), collect(new)
    common = [path for path in before if path in after]
    lines, worse = [], False
    for path in common:
        if before[path] <= 0.0:
            continue
        change = after[path] / before[path] - 1.0
        if abs(change) > tolerance:
            word = verdict(path[-1], change)
            worse = worse or word == "worse"
            name = ": ".join(key for key in path if key not in ("variants", "methods"))
            lines.append(f"  {word:8}{name:64}{before[path]:8.3f} ->{after[path]:8.3f}"
                         f"{100 * change:+8.1f} %")
    if not common:
        raise Refused("the files have no ratio in common")
    lines.insert(0, f"{len(common)} ratios, {len(lines)} moved by more than {100 * tolerance:g} %")
    if old.get("cpu") != new.get("cpu"):
        lines.insert(1, f"  note: {old.get('cpu')!r} and {new.get('cpu')!r} are two processors")
    unmatched = len(before) + len(after) - 2 * len(common)
    if unmatched:
        lines.append(f"  note: {unmatched} ratios are in one of the files only")
    return lines, worse


def result_name(result):
    """VERSION-CPU-threads.json, and of which measurement if it is not the plain one."""
    cpu = re.sub(r"\((r|tm|c)\)|@.*|\b\d+-core\b|\b(cpu|processor)\b", " ",
                 str(result.get("cpu", "")).lower())
    cpu = re.sub(r"[^a-z0-9]+", "-", cpu).strip("-") or "unknown"
    return f"{result['version']}-{cpu}-{result['threads']}{FORMATS[result['format']]}.json"


def main(arguments):
    parser = argparse.ArgumentParser(prog="compare.py", description="Which ratios moved between two "
                                     "results of vitlrp bench --json.")
    parser.add_argument("files", nargs="+", metavar="RESULT.json")
    parser.add_argument("--tolerance", type=float, default=0.1, metavar="T",
                        help="relative change to tell of (default 0.1)")
    parser.add_argument("--name", action="store_true",
                        help="print the file name that the result has in this folder")
    options = parser.parse_args(arguments)
    if len(options.files) != (1 if options.name else 2):
        parser.error("one file with --name, two files otherwise")
    if not options.tolerance > 0.0:
        parser.error("the tolerance must be above 0")
    try:
        results = [read_result(path) for path in options.files]
        if options.name:
            print(result_name(results[0]))
            return 0
        check_setting(*results)
        lines, worse = compare(*results, options.tolerance)
    except Refused as refusal:
        print(f"compare.py: {refusal}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
