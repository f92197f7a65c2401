"""Do the tests notice a fault? One small fault at a time is put into the library, and its unit tests are run until one
fails. usage: mutations.py [--build FOLDER] [--count N] [--room REGEX] [--again] [--sanitize] [--report] [--list]

mutation_operators.py has the faults. They are taken in an order that a seed fixes: one of every function, then a second
one of every function, and so on. A fault is killed by a test that fails, crashes or does not end; else it has survived,
and is printed. What mutations_equivalent.txt lists cannot be noticed, by its reason, and is not counted.

The tree is only read. The library is built once, as a shared one (FOLDER, build-mutation). A fault costs the
compilation of its file: the objects of that file are linked alone, and loaded before the library. FOLDER/results.jsonl
keeps what was found, for later runs with the same FOLDER: a result counts as long as its function is the same.
--count N goes on until N faults of these rooms are judged. --again tries survivors once more (after tests were added);
--sanitize tries them with their file, and the arenas that memory is cut from, compiled with AddressSanitizer and
UndefinedBehaviorSanitizer, under which .ci/run runs these tests too.
--report only prints, --list shows what would be tried. Exit status 1: a room that has a goal is below GOAL."""

import argparse
import atexit
import collections
import fnmatch
import glob
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import mutation_operators

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
EQUIVALENT = os.path.join(ROOT, "tests", "nightly", "mutations_equivalent.txt")
EQUIVALENT_SHARE = 0.05
GOAL = 0.9
SEED = "vitlrp"
MEMORY = 6 << 30  # of a test without sanitizers

# A room: its name, its files, the tests that can notice something there, whether GOAL is its.
MODELS = """test_text_attention test_block_forms test_head_forms test_layer_scale test_rotary test_position test_program
    test_ends test_prompts test_parity test_zoo test_trials test_architectures test_words_public test_text
    test_text_public"""
PASSES = MODELS + """ test_method test_method_twin test_units test_unit_effects test_unit_curve test_edits test_batch
    test_session_memory test_profile test_work test_removal test_method_public test_method_many"""
EVALUATIONS = """test_eval_curve test_eval_journal test_eval_localize test_eval_protocol test_eval_re* test_eval_run
    test_eval_s* test_agreement test_dataset* test_map_folder test_metric test_record test_removal test_report
    test_segmentation test_standing test_unit_curve"""
ROOMS = [
    ("vit/ops", r"vit/ops/", PASSES + " test_op_* test_kernels test_attention_forms", True),
    ("vit/methods", r"vit/methods/", PASSES + " test_agreement", True),
    ("vit/load", r"vit/load/", MODELS + """ test_model test_edits test_limits test_label_words test_load_* test_adapter
        test_facts test_head_file test_identity test_payload test_hostile test_model_preprocess""", True),
    ("eval statistics", r"eval/(agreement|concentration|metric|segmentation|significance|standing|statistics|summary)",
     EVALUATIONS, True),
    ("vit, other", r"vit/", PASSES + """ test_op_* test_kernels test_attention* test_gemm_weights test_bf16
        test_batch_units test_method_bits test_load_parity test_load_blocks test_signals""", False),
    ("eval, other", r"eval/", EVALUATIONS + " test_eval_public test_eval_tune test_eval_units test_audit", False),
    ("imgio", r"imgio/", """test_image_* test_encode test_colormap test_render_* test_preprocess test_stream test_limits
        test_hostile test_model_preprocess""", False),
    ("text", r"src/text/", """test_text_clean test_tokenizer test_siglip_ids test_subword_* test_templates test_prompts
        test_text_public test_text""", False),
]
# With our own assertions, and the library's names visible, or no other object could take their place.
OPTIONS = ["-DVITLRP_TESTS=ON", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", "-DCMAKE_C_FLAGS_RELEASE=-O2",
           "-DCMAKE_C_COMPILE_OBJECT=<CMAKE_C_COMPILER> <DEFINES> <INCLUDES> <FLAGS> -fvisibility=default -o <OBJECT> "
           "-c <SOURCE>"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1"]


# Of which processors a file's code is alone; on others no test runs it.
UNITS = {"vit/math/bf16_matrix.c": "amx_bf16", "vit/math/bf16_vector.c": "avx512_bf16",
         "vit/math/bf16_pack.c": "avx512_bf16"}


def runs_here(path):
    if path not in UNITS:
        return True
    with open("/proc/cpuinfo", encoding="ascii") as file:
        return UNITS[path] in file.read().split()


def sources():
    folders = ["vit/*", "eval", "imgio", "src/text"]
    found = [path for folder in folders for path in glob.glob(f"{folder}/*.c", root_dir=ROOT)]
    return [mutation_operators.source_of(ROOT, path) for path in sorted(found) if runs_here(path)]


def room_of(path):
    return next(room for room in ROOMS if re.match(room[1], path))


def chosen(found, rooms):
    """Every fault of these rooms, in the order in which they are tried."""
    order = []
    for source in found:
        if not re.search(rooms, room_of(source.path)[0]):
            continue
        for function in source.functions:
            mutants = source.mutants(function)
            mutants.sort(key=lambda mutant: hashlib.sha256((SEED + mutant.key).encode()).digest())
            order += enumerate(mutants)
    order.sort(key=lambda entry: (entry[0], hashlib.sha256((SEED + entry[1].key + "function").encode()).digest()))
    return [mutant for _, mutant in order]


# ---- The library with one file replaced ----

class Build:
    """A library, the tests that are linked with it, and how long each takes."""

    def __init__(self, folder, sanitizes):
        self.folder, self.flags, self.preload = folder, SANITIZERS if sanitizes else [], []
        self.library = os.path.join(folder, "libmutation_whole.so")
        self.scratch = None
        self.tests = {}  # name -> command to link it
        self.seconds = {}
        self.ready = False

    def prepare(self):
        if self.ready:
            return
        os.makedirs(self.folder, exist_ok=True)
        self.scratch = tempfile.mkdtemp(prefix="mutant-", dir=self.folder)
        atexit.register(shutil.rmtree, self.scratch, True)
        if not os.path.exists(os.path.join(self.folder, "build.ninja")):
            subprocess.run(["cmake", "-S", ROOT, "-B", self.folder, "-G", "Ninja", *OPTIONS], check=True,
                           stdout=subprocess.DEVNULL)
        names = sorted(name[:-2] for name in os.listdir(os.path.join(ROOT, "tests", "unit")) if name.endswith(".c"))
        objects = {name: f"tests/CMakeFiles/{name}.dir/unit/{name}.c.o" for name in names}
        self.ninja("vitlrp_static", "test_support", *objects.values())
        with open(os.path.join(self.folder, "compile_commands.json"), encoding="utf-8") as file:
            self.commands = json.load(file)
        for command in self.ninja("-t", "commands", *names).splitlines():
            link = re.match(r": && (.* -o tests/(test_\w+) .*) && :", command)
            if link:
                self.tests[link[2]] = shlex.split(link[1])
        self.link_library()
        self.read_seconds(objects)
        if self.flags:
            arenas = mutation_operators.source_of(ROOT, "src/base/arena.c")
            self.preload = [sanitizer_library(), self.compile(arenas.path, arenas.text, "arena")[0]]
        self.ready = True

    def ninja(self, *arguments):
        jobs = str(len(os.sched_getaffinity(0)))
        return subprocess.run(["ninja", "-C", self.folder, "-j", jobs, "--quiet", *arguments], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def link_library(self):
        archive = os.path.join(self.folder, "src", "api", "libvitlrp_static.a")
        if os.path.exists(self.library) and os.path.getmtime(self.library) > os.path.getmtime(archive):
            return
        words = next(iter(self.tests.values()))
        where = words.index("src/api/libvitlrp_static.a")
        flags = [word for word in words[1:words.index("-o")] if word.startswith("-") and not word.endswith("now")]
        whole = ["-Wl,--whole-archive", archive, "-Wl,--no-whole-archive"]
        draft = f"{self.library}.{os.getpid()}"  # another run may be using the library
        subprocess.run([words[0], "-shared", *flags, "-o", draft, *whole, *words[where - 1:where], *words[where + 1:]],
                       check=True, cwd=self.folder)
        os.replace(draft, self.library)

    def program(self, name):
        """The test, linked with the shared library."""
        program = os.path.join(self.folder, "mutation_tests", name)
        words = list(self.tests[name])
        parts = [os.path.join(self.folder, word) for word in words if word.endswith(".o")]
        if os.path.exists(program) and all(os.path.getmtime(part) < os.path.getmtime(program) for part in parts):
            return program
        os.makedirs(os.path.dirname(program), exist_ok=True)
        draft = f"{program}.{os.getpid()}"  # another run may be using the program
        words[words.index("-o") + 1] = draft
        # The archive is still there for data in assembly, whose names are hidden.
        words.insert(words.index("src/api/libvitlrp_static.a"), self.library)
        subprocess.run([*words, f"-Wl,-rpath,{self.folder}"], check=True, cwd=self.folder)
        os.replace(draft, program)
        return program

    def read_seconds(self, objects):
        path = os.path.join(self.folder, "seconds.json")
        known = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                known = json.load(file)
        for name, built in objects.items():
            stamp = os.path.getmtime(os.path.join(self.folder, built))
            if name not in known or known[name][0] != stamp:
                verdict, seconds = self.run(name, None, 600)
                known[name] = (stamp, seconds if verdict == "passed" else None)
                if verdict != "passed":
                    print(f"{name} fails without a fault: left out", file=sys.stderr)
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(known, file)
        self.seconds = {name: known[name][1] for name in objects if known[name][1] is not None}

    def compile(self, path, text, name):
        """The objects of one file, alone in a shared library; None where the compiler refuses it."""
        mutant = os.path.join(self.scratch, os.path.basename(path))
        with open(mutant, "w", encoding="utf-8") as file:
            file.write(text)
        objects = []
        for entry in self.commands:
            words = shlex.split(entry["command"])
            output = words[words.index("-o") + 1]
            if entry["file"] != os.path.join(ROOT, path) or output.startswith("tests/"):
                continue
            words = [word for word in words if word != "-Werror" and os.path.basename(word) != "ccache"]
            objects.append(os.path.join(self.scratch, f"{name}{len(objects)}.o"))
            words[words.index("-o") + 1] = objects[-1]
            words[words.index("-c") + 1] = mutant
            words += ["-w", "-iquote", os.path.dirname(entry["file"]), *self.flags]
            if subprocess.run(words, cwd=entry["directory"], capture_output=True, check=False).returncode != 0:
                return None
        folder = os.path.dirname(os.path.join(ROOT, path))  # data in assembly has hidden names
        data = [os.path.join(entry["directory"], shlex.split(entry["command"])[-3]) for entry in self.commands
                if os.path.dirname(entry["file"]) == folder and entry["file"].endswith(".S")]
        library = os.path.join(self.scratch, f"{name}.so")
        subprocess.run([self.tests["test_base"][0], "-shared", *self.flags, "-o", library, *objects, *data], check=True)
        return library, objects

    def fails_anyway(self, source, name):
        """True where the file without a fault fails too, as a limit of memory does under a sanitizer."""
        if not self.flags:
            return False
        original = self.compile(source.path, source.text, "original")
        return self.run(name, original[0], 600)[0] != "passed"

    def same_code(self, path, text, objects):
        original = self.compile(path, text, "original")
        pairs = zip(objects, original[1])
        return all(read_bytes(one) == read_bytes(other) for one, other in pairs)

    def run(self, name, library, seconds):
        """("passed", "failed" or "timeout", seconds of a processor)."""
        folder = tempfile.mkdtemp(dir=self.scratch)
        preload = self.preload[:1] + ([library] if library else []) + self.preload[1:]
        environment = dict(os.environ, TMPDIR=folder, CMOCKA_TEST_ABORT="1", LD_PRELOAD=":".join(preload),
                           ASAN_OPTIONS="detect_odr_violation=0:detect_leaks=0:allocator_may_return_null=1")

        def limits():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
            if not self.preload:
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

        program = self.program(name)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen([program], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                   preexec_fn=limits)
        try:
            status = process.wait(timeout=20 * seconds + 60)
        except subprocess.TimeoutExpired:
            status = -signal.SIGXCPU
        finally:  # of an interruption too
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        shutil.rmtree(folder, ignore_errors=True)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return "timeout", used
        return ("passed" if status == 0 else "failed"), used

    def judge(self, source, mutant, kills):
        """(verdict, test): killed, timeout, survived, "same code" or "not compiling"."""
        self.prepare()
        made = self.compile(mutant.path, mutant.applied(source.text), "mutant")
        if made is None:
            return "not compiling", None
        patterns = room_of(mutant.path)[2].split()
        tests = [name for name in self.seconds if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
        # What found something in this file before comes first, then the fastest.
        tests.sort(key=lambda name: self.seconds[name] / (1 + 10 * kills[mutant.path, name]))
        for name in tests:
            verdict, _ = self.run(name, made[0], 5 * self.seconds[name] + 5)
            if verdict != "passed" and not self.fails_anyway(source, name):
                return ("killed" if verdict == "failed" else "timeout"), name
        if not self.flags and self.same_code(mutant.path, source.text, made[1]):
            return "same code", None
        return "survived", None


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def sanitizer_library():
    words = ["cc", "-print-file-name=libasan.so"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


# ---- Results ----

class Results:
    """Lines of a file, one for each fault that was judged; the last one about a fault counts."""

    def __init__(self, path):
        self.path, self.found = path, {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for line in file:
                    result = json.loads(line)
                    self.found[result["key"]] = result

    def add(self, mutant, verdict, test):
        result = {"key": mutant.key, "verdict": verdict, "by": test, "path": mutant.path, "function": mutant.function,
                  "operator": mutant.operator, "before": mutant.before, "after": mutant.after}
        self.found[mutant.key] = result
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")

    def kills(self):
        return collections.Counter((result["path"], result["by"]) for result in self.found.values() if result["by"])


def equivalents():
    """(file, function, line before, line after) -> reason; see the head of the file."""
    listed = {}
    with open(EQUIVALENT, encoding="utf-8") as file:
        blocks = re.split(r"\n\s*\n", "".join(line for line in file if not line.startswith("#")).strip())
    for block in filter(None, blocks):
        place, before, after, *reason = block.splitlines()
        if not before.startswith("- ") or not after.startswith("+ ") or not reason:
            raise SystemExit(f"mutations_equivalent.txt: not a place, two lines and a reason:\n{block}")
        listed[(*place.split(), before[2:], after[2:])] = " ".join(reason)
    return listed


def verdict_of(result, mutant, listed):
    is_listed = (mutant.path, mutant.function, mutant.before, mutant.after) in listed
    return "equivalent" if is_listed and result["verdict"] == "survived" else result["verdict"]


COUNTED = ("killed", "timeout", "survived")
COLUMNS = (*COUNTED, "equivalent", "same code", "not compiling")


def report(results, order, listed):
    """Prints counts by room and every survivor. True where every room that has a goal reaches it."""
    rooms = collections.defaultdict(collections.Counter)
    for mutant in order:
        result = results.found.get(mutant.key)
        if result is None:
            continue
        verdict = verdict_of(result, mutant, listed)
        rooms[room_of(mutant.path)[0]][verdict] += 1
        if verdict == "survived":
            print(mutant.shown())
    print(f"{'room':<16} {'score':>6} " + " ".join(f"{column:>13}" for column in COLUMNS))
    total = collections.Counter()
    good = True
    for name, _, _, has_goal in ROOMS:
        counts = rooms[name]
        total.update(counts)
        print_counts(name, counts)
        good = good and not (has_goal and sum(counts.values()) and score(counts) < GOAL)
    print_counts("all", total)
    if total["equivalent"] > EQUIVALENT_SHARE * sum(total[word] for word in (*COUNTED, "equivalent")):
        print(f"more than {EQUIVALENT_SHARE:.0%} are listed as equivalent")
        return False
    return good


def score(counts):
    judged = sum(counts[word] for word in COUNTED)
    return 1 - counts["survived"] / judged if judged else 1.0


def print_counts(name, counts):
    print(f"{name:<16} {score(counts):>6.1%} " + " ".join(f"{counts[column]:>13}" for column in COLUMNS))


# ---- Runs ----

def try_faults(build, sources_by_path, mutants, results, count):
    """Goes on until `count` of the mutants are judged."""
    judged = sum(results.found[mutant.key]["verdict"] in COUNTED for mutant in mutants if mutant.key in results.found)
    kills = results.kills()
    for mutant in mutants:
        if judged >= count:
            return
        if mutant.key in results.found:
            continue
        begin = time.monotonic()
        verdict, test = build.judge(sources_by_path[mutant.path], mutant, kills)
        results.add(mutant, verdict, test)
        kills[mutant.path, test] += test is not None
        judged += verdict in COUNTED
        show(mutant, verdict, test, begin)


def try_again(build, sources_by_path, mutants, results, listed):
    """Survivors once more."""
    kills = results.kills()
    for mutant in mutants:
        result = results.found.get(mutant.key)
        if result is None or verdict_of(result, mutant, listed) != "survived":
            continue
        begin = time.monotonic()
        verdict, test = build.judge(sources_by_path[mutant.path], mutant, kills)
        kills[mutant.path, test] += test is not None
        if verdict != "survived":
            results.add(mutant, verdict, test)
        show(mutant, verdict, test, begin)


def show(mutant, verdict, test, begin):
    print(f"{verdict}: {mutant.path}:{mutant.line} {mutant.function}, {mutant.operator}: {mutant.after[:60]} "
          f"({test or 'no test'}, {time.monotonic() - begin:.1f} s)", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description="Small faults, and whether the tests notice them.")
    parser.add_argument("--build", default="build-mutation")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--room", default="")
    for flag in ("--again", "--sanitize", "--report", "--list"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = os.path.abspath(options.build)
    os.makedirs(folder, exist_ok=True)
    by_path = {source.path: source for source in sources()}
    mutants = chosen(by_path.values(), options.room)
    results = Results(os.path.join(folder, "results.jsonl"))
    listed = equivalents()
    if options.list:
        for mutant in mutants[:options.count]:
            print(mutant.shown())
        return 0
    build = Build(os.path.join(folder, "build"), options.sanitize)
    if not options.report and not options.again and not options.sanitize:
        try_faults(build, by_path, mutants, results, options.count)
    elif not options.report:
        try_again(build, by_path, mutants, results, listed)
    return 0 if report(results, mutants, listed) else 1


if __name__ == "__main__":
    sys.exit(main())
