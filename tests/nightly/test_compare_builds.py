"""compare_builds.py must be able to fail: outputs that the command has just written, each with one
thing changed, and a build that is not the other. usage: test_compare_builds.py VITLRP"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zlib

import compare_allowed
import compare_builds
import compare_cases
import compare_inputs

HERE = pathlib.Path(__file__).resolve().parent
USED = ["classes/index", "info/wide", "eval/options/boxes", "batch/options/limit",
        "preprocessing/default/koala", "layer-scale/attnlrp/epsilon-0", "layer-scale/attnlrp/epsilon-0.01"]
WRAPPER = """#!/bin/sh
exec "{program}" "$@" {option}
"""


def flip(position, bit=1):
    def change(data):
        data = bytearray(data)
        data[position] ^= bit
        return bytes(data)
    return change


def replace(old, new):
    def change(data):
        assert old.encode() in data, f"{old} is not there"
        return data.replace(old.encode(), new.encode(), 1)
    return change


def edit_json(change):
    def edited(data):
        value = json.loads(data)
        change(value)
        return json.dumps(value, indent=1).encode()
    return edited


def set_key(*keys, value):
    def change(whole):
        for key in keys[:-1]:
            whole = whole[key]
        whole[keys[-1]] = value
    return edit_json(change)


def drop_key(key):
    return edit_json(lambda whole: whole.pop(key))


def png_chunk(kind, change):
    """The first chunk of a kind with its body changed; checksums are not looked at."""
    def edited(data):
        at = data.index(kind) - 4
        size = int.from_bytes(data[at:at + 4], "big")
        body = change(data[at + 8:at + 8 + size])
        return (data[:at] + len(body).to_bytes(4, "big") + kind + body +
                data[at + 8 + size:])
    return edited


def one_pixel(data):
    """The picture with the last byte of its last row changed, in one chunk of pixels."""
    at, pixels, kept = 8, b"", data[:8]
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        if data[at + 4:at + 8] == b"IDAT":
            pixels += data[at + 8:at + 8 + size]
        elif data[at + 4:at + 8] != b"IEND":
            kept += data[at:at + 12 + size]
        at += 12 + size
    packed = zlib.compress(flip(-1)(zlib.decompress(pixels)))
    return kept + len(packed).to_bytes(4, "big") + b"IDAT" + packed + bytes(4)


# case, file, what is changed, whether that must be found, and what is said of it
FAULTS = [
    ("classes/index", "map.npy", flip(-4), True, "array"),
    ("classes/index", "map.npy", replace("(8, 8,)", "(4,16,)"), True, "array"),
    ("classes/index", "logits.npy", flip(-1, 128), True, "array"),
    ("classes/index", "map.npy", lambda data: None, True, "file"),
    ("classes/index", "more.npy", lambda data: b"\x93NUMPY", True, "file"),
    ("classes/index", "exit.0", lambda data: b"1", True, "exit code"),
    ("classes/index", "stderr.0", lambda data: b"in other words\n", False, ""),
    ("classes/index", "result.json", set_key("logit", value=4.63582421), True, "logit"),
    ("classes/index", "result.json", set_key("class", value=True), True, "class"),
    ("classes/index", "result.json", set_key("ledger", 3, "kind", value="x"), True, "ledger.3.kind"),
    ("classes/index", "result.json", set_key("timing_ms", "decode", value=9.5), False, ""),
    ("classes/index", "result.json", set_key("version", value="9.0.0"), False, ""),
    ("classes/index", "result.json", set_key("version", value="0.0.1"), True, "version"),
    ("classes/index", "result.json", set_key("new", value=1), True, "new"),
    ("classes/index", "result.json", drop_key("top"), True, "top"),
    ("classes/index", "result.json", lambda data: data[:-9], True, "unreadable"),
    ("preprocessing/default/koala", "input.npy", flip(200), True, "array"),
    ("preprocessing/default/koala", "seen.png", one_pixel, False, ""),  # drawn otherwise
    ("preprocessing/default/koala", "seen.png", png_chunk(b"IHDR", flip(3)), False, ""),
    ("preprocessing/default/koala", "seen.png", png_chunk(b"tEXt", lambda body: body + b"!"), False,
     ""),
    ("eval/options/boxes", "e.json", set_key("format", value="vitlrp evaluation 1"), True, "format"),
    ("eval/options/boxes", "e.json", set_key("format", value="vitlrp evaluation 99"), False, ""),
    ("eval/options/boxes", "e.json", set_key("protocol", "steps", value=5), True, "protocol.steps"),
    ("eval/options/boxes", "e.json", set_key("images", 1, "label", value=0), True, "images.1.label"),
    ("eval/options/boxes", "e.json", set_key("images", 0, "methods", "random", "rank", value=0.5),
     True, "images.0.methods.random.rank"),
    ("eval/options/boxes", "e.csv", replace(",ok,", ",limit,"), True, "lines.0.status"),
    ("eval/options/boxes", "e.csv", replace("rollout,zero,,", "rollout,zero,,1"), True, "delta_logit"),
    ("eval/options/boxes", "e.html", replace('points="0.0,', 'points="0.1,'), True, "numbers"),
    ("eval/options/boxes", "e.html", replace("<td>", "<td>1"), True, "numbers"),
    ("eval/options/boxes", "e.html", replace("<h1>", "<h1>Of "), False, ""),
    ("eval/options/boxes", "e.html", replace("base64,/9j/", "base64,/9k/"), True, ""),
    ("batch/options/limit", "maps/results.jsonl", replace('"label":', '"label":1'), True, ".label"),
    ("batch/options/limit", "maps/results.jsonl", replace('"status":"ok"', '"status":"io"'), True,
     ".status"),
    ("batch/options/limit", "maps/run.json", set_key("settings", "limit", value=5), True, "limit"),
    ("info/wide", "info.json", edit_json(lambda whole: whole["preprocess"]["crop"].reverse()), False,
     ""),
    ("info/wide", "info.json", set_key("preprocess", "crop", value=[24, 63]), True, "crop"),
    ("info/wide", "info.json", edit_json(lambda whole: whole["patch_size"].reverse()), False, ""),
    ("info/wide", "info.json", edit_json(lambda whole: whole["input_size"].reverse()), True, "input"),
    ("info/wide", "info.json", set_key("session_bytes", value=1000), False, ""),
    ("info/wide", "info.json", set_key("session_bytes", value=1 << 40), True, "session_bytes"),
    ("layer-scale/attnlrp/epsilon-0", "map.npy", flip(-4), False, ""),
    ("layer-scale/attnlrp/epsilon-0", "map.npy", flip(-1, 128), True, "array"),
    ("layer-scale/attnlrp/epsilon-0.01", "map.npy", flip(-1, 128), False, ""),
    ("layer-scale/attnlrp/epsilon-0.01", "logits.npy", flip(-1, 128), True, "array"),
]


def check_faults(program, scratch):
    """How many of the changed outputs were judged wrongly."""
    inputs = compare_inputs.Inputs(scratch, [])
    cases = {case.name: case for case in compare_cases.all_cases(inputs)}
    outputs = {name: compare_builds.run_case(program, cases[name], scratch / "run") for name in USED}
    wrong = 0
    for case, file, change, is_fault, said in FAULTS:
        new = {**outputs[case], file: change(outputs[case].get(file))}
        found = [difference for difference in compare_builds.differences_of(outputs[case], new)
                 if compare_allowed.allowed_by(case, difference) is None]
        texts = [f"{difference.file}: {difference.key}" for difference in found]
        if bool(found) != is_fault or is_fault and said not in texts[0]:
            wrong += 1
            print(f"FAILED {case} {file} {said}: {texts}")
    return wrong


def run(old, new, *options):
    """Exit code and what was said."""
    result = subprocess.run([sys.executable, "-B", HERE / "compare_builds.py", old, new, *options],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return result.returncode, result.stdout


def check_script(program, scratch):
    """The script itself: a build and itself, and a build that does something else."""
    wrapper = scratch / "other"
    wrapper.write_text(WRAPPER.format(program=program, option="--gamma-fc1 0.051"), encoding="utf-8")
    wrapper.chmod(0o755)
    some = ["--only", "^(classes/index|refusals/crop)$", "--jobs", "2"]
    expected = [((program, program, *some), 0, " 0 cases differ"),
                ((program, wrapper, *some), 1, "relative L2"),
                ((program, program, "--only", "no case"), 1, "0 cases"),
                ((program, program, "--list", "--quick"), 0, "batch/merge")]
    wrong = 0
    for arguments, code, text in expected:
        found, said = run(*arguments)
        if found != code or text not in said or "Traceback" in said:
            wrong += 1
            print(f"FAILED {arguments[2:]}: exit code {found}\n{said}")
    return wrong


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "inputs").mkdir()
        wrong = check_faults(program, pathlib.Path(folder) / "inputs")
        wrong += check_script(program, pathlib.Path(folder))
    print(f"{len(FAULTS)} changed outputs, {wrong} judged wrongly")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
