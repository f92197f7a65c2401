"""A short run of every verb on tiny inputs, with all that it writes, for tests that let the system fail
under it. usage as a program: every_verb.py VITLRP [THREADS]; VITLRP_PREFIX, say valgrind, comes in front."""

import os
import random
import shlex
import subprocess
import sys
import tempfile

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden")
MODEL = os.path.join(GOLDEN, "parity/timm.safetensors")
WORDS = os.path.join(GOLDEN, "words/clip-eos2/huggingface")
IMAGES = 3
TEMPORARY = "temporary"  # folder for what a run needs for itself, where a test gives one by TMPDIR
# They measure for long, and what they write they write as bench does.
SLOW = ("bench --throughput", "bench --batch")


class Verb:
    """arguments: of the program; outputs: files and folders that it writes."""
    def __init__(self, arguments, outputs):
        self.arguments, self.outputs = arguments, outputs


def write_picture(path, seed):
    source = random.Random(seed)
    pixels = bytes(source.randrange(256) for _ in range(40 * 36 * 3))
    with open(path, "wb") as file:
        file.write(b"P6 40 36 255\n" + pixels)


def model_options(threads="2"):
    return ["--model", MODEL, "--heads", "4", "--threads", threads]


def make_inputs(program, folder):
    """Pictures, a list of them, what merge reads: records, batches and indexes of two shards; and what is run once
    more, or shown again: a record, a batch and an index that are whole."""
    with open(os.path.join(folder, "list.txt"), "w", encoding="ascii") as file:
        for i in range(IMAGES):
            write_picture(os.path.join(folder, f"{i}.ppm"), i)
            file.write(f"{i}.ppm\t{i}\n")
    for i in range(2):
        for verb, options in (("eval", ["--steps", "2", "--methods", "attnlrp,random", "--json", f"{i}.json"]),
                              ("batch", ["-o", f"part{i}"]), ("concepts", ["-o", f"units{i}"])):
            subprocess.run([program, verb, "list.txt", "-q", "--shard", f"{i}/2", *options,
                            *model_options()], cwd=folder, check=True)
    os.mkdir(os.path.join(folder, TEMPORARY))
    for run in (["explain", "0.ppm", "-o", "0.svg", "--json", "once.json"], ["batch", "list.txt", "-o", "once"],
                ["concepts", "list.txt", "--gallery", "0", "-o", "shown"]):
        subprocess.run([program, *run, "-q", *model_options()], cwd=folder, check=True)


def every_verb(threads="2"):
    """By name, as runs in the folder of make_inputs."""
    model = model_options(threads)
    found = {
        "info": Verb(["info", *model, "--json", "info.json"], ["info.json"]),
        "info of texts": Verb(["info", "--model", WORDS, "--threads", threads, "--text", "a red bus", "--text", "a street",
                               "--save-text-embeddings", "t.npy"], ["t.npy"]),
        "explain": Verb(["0.ppm", *model, "-o", "a.png", "--raw", "a.npy", "--json", "a.json", "--logits", "l.npy"],
                        ["a.png", "a.npy", "a.json", "l.npy"]),
        "texts": Verb(["0.ppm", "--model", WORDS, "--threads", threads, "--text", "a red bus", "--text", "a street",
                       "-o", "w.png", "--json", "w.json"], ["w.png", "w.json"]),
        "page": Verb(["0.ppm", *model, "--no-drops", "-o", "p.html", "--json", "p.json"], ["p.html", "p.json"]),
        "compare": Verb(["compare", "0.ppm", *model, "--methods", "attnlrp,rollout", "--steps", "1", "-o", "c.svg"],
                        ["c.svg"]),
        "neurons": Verb(["neurons", "0.ppm", *model, "--top", "1", "-o", "n.svg", "--raw", "n.npy", "--scores", "s.npy",
                         "--json", "n.json"], ["n.svg", "n.npy", "s.npy", "n.json"]),
        "neurons page": Verb(["neurons", "0.ppm", *model, "--top", "1", "--concepts", "units0", "-o", "np.html"],
                             ["np.html"]),
        "neurons of edits": Verb(["neurons", "0.ppm", *model, "--top", "1", "--concepts", "shown", "--edit", "0:fc1:1=mean",
                                  "--no-maps", "--tokens", "nt.npy", "--json", "ne.json"], ["nt.npy", "ne.json"]),
        "batch": Verb(["batch", "list.txt", *model, "-o", "maps"], ["maps"]),
        "concepts": Verb(["concepts", "list.txt", *model, "--site", "head", "-o", "units"], ["units"]),
        "concepts --class-sums": Verb(["concepts", "list.txt", *model, "--class-sums", "--gallery", "0", "-o", "sums"],
                                      ["sums"]),
        "concepts --show": Verb(["concepts", "shown", "--show", "0:fc1:1", "--gallery", "1", "--test-images", "2",
                                 *model], ["shown/index.html", "shown/gallery.json"]),
        "eval": Verb(["eval", "list.txt", *model, "--steps", "2", "--methods", "attnlrp,rise,chefer",
                      "--json", "e.json", "--csv", "e.csv", "--html", "e.html"], ["e.json", "e.csv", "e.html"]),
        "tune": Verb(["tune", "list.txt", *model, "--steps", "2", "-o", "t.json"], ["t.json"]),
        "rerun": Verb(["rerun", "once.json", "--json", "r.json", "--threads", threads], ["r.json"]),
        "rerun of a folder": Verb(["rerun", "once", "--json", "rf.json", "--threads", threads], ["rf.json"]),
        "merge": Verb(["merge", "0.json", "1.json", "--json", "m.json", "--csv", "m.csv", "--html", "m.html"],
                      ["m.json", "m.csv", "m.html"]),
        "merge of folders": Verb(["merge", "part0", "part1", "-o", "together"], ["together"]),
        "merge of indexes": Verb(["merge", "units0", "units1", "-o", "index"], ["index"]),
        "bench": Verb(["bench", *model, "--runs", "1", "--json", "b.json"], ["b.json"]),
        "bench --eval": Verb(["bench", *model, "--eval", "--limit", "1", "--json", "be.json"], ["be.json"]),
        "bench --throughput": Verb(["bench", *model, "--throughput", "--runs", "1", "--json", "bt.json"], ["bt.json"]),
        "bench --batch": Verb(["bench", *model, "--batch", "list.txt", "--runs", "1", "--json", "bb.json"], ["bb.json"]),
    }
    for verb in found.values():
        verb.arguments.append("-q")
    return found


def figures():
    """Likewise, of runs that need Pango and cairo, and what these need."""
    return {"animation": Verb(["0.ppm", *model_options(), "-o", "a.apng", "-q"], ["a.apng"])}


def quick_verbs():
    """The names of those that do not measure for long."""
    return [name for name in every_verb() if name not in SLOW]


def main():
    program = os.path.abspath(sys.argv[1])
    prefix = shlex.split(os.environ.get("VITLRP_PREFIX", ""))
    threads = sys.argv[2] if len(sys.argv) > 2 else "2"
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(program, folder)
        for name, verb in every_verb(threads).items():
            code = subprocess.run([*prefix, program, *verb.arguments], cwd=folder, check=False).returncode
            missing = [path for path in verb.outputs if not os.path.exists(os.path.join(folder, path))]
            failed += code != 0 or bool(missing)
            print(f"{name:20} exit {code}{'' if not missing else ', without ' + ' '.join(missing)}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
