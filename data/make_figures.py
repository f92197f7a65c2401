"""The figures of README.md, vit/METHODS.md, docs/UNITS.md and docs/MODELS.md, made by the built command:
goldfish.panel.jpg, goldfish.neurons.jpg, goldfish.edited.jpg, every_method.jpg, benchmark.jpg and concept.jpg.

usage: make_figures.py VITLRP VAL [WORK]
    VITLRP   the command: build/vitlrp
    VAL      Tiny-ImageNet's validation images, a folder for each class (docs/DATASETS.md); "-" for none
    WORK     keeps what is done (build/figures)

It may be stopped at any moment. The same command then does what is left: a file in WORK is complete as soon as
it has its name, and is made again only for another build, model or recipe, which lie beside it; the parts of the
evaluation, three minutes of a processor, and the index of hidden neurons, half an hour, only for another version.
A new figure takes its place here when it is complete. Chromium makes the last three. What is left out, and why, is
said, and the exit code is 1."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PHOTOGRAPH, KOALA = os.path.join(HERE, "goldfish.jpg"), os.path.join(HERE, "koala.jpg")
METHODS_TABLE = os.path.join(os.path.dirname(HERE), "vit", "METHODS.md")
MEASURED = ("attnlrp", "attnlrp-eps", "cp-lrp", "chefer", "gradcam", "rollout", "input-x-gradient", "random")
IMAGES, STEPS, SHARDS = 50, 14, 5
STRONGEST = ("0:fc1:263", "0:fc1:751", "10:fc1:420", "10:fc1:511", "11:fc1:667")
UNIT = "7:fc1:577"  # of whose images wheels are lit
EVERY_SIZE, BENCHMARK_SIZE, CONCEPT_SIZE = (1124, 546), (860, 866), (1060, 470)

EVERY_PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>
body { margin: 6px 4px; display: grid; grid-template-columns: repeat(9, 1fr); gap: 8px 4px; background: #fff;
       font: 11px "DejaVu Sans", sans-serif; }
figure { margin: 0; text-align: center; }
img { display: block; width: 114px; margin: 0 auto 4px; }
</style>
"""
FIGURE = '<figure><img src="{}"><figcaption>{}</figcaption></figure>\n'
# Of the evaluator's page: the intervals and the first two curves.
BENCHMARK_STYLE = """<style>
:root { color-scheme: only light; font-size: 80%; }
body { font-size: 13px !important; }
.top, footer, section:not(#delta, #curves), .plots > :nth-child(n + 3) { display: none !important; }
main { padding: 14px 18px !important; }
section { margin: 0 0 24px !important; }
section h2 { margin-top: 0 !important; }
</style>
"""
# Of the page of hidden neurons: the two rows of one.
CONCEPT_STYLE = f"""<style>
:root {{ color-scheme: only light; font-size: 80%; }}
.top, footer, section, form, details, article:not([id="{UNIT}"]) {{ display: none !important; }}
main, body {{ padding: 0 !important; margin: 0 !important; max-width: none !important; }}
article {{ border: 0 !important; margin: 0 !important; }}
</style>
"""


class LeftOut(Exception):
    """Why a figure is not made."""


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nexit {done.returncode}\n{done.stderr}")
    return done.stdout


class Maker:
    def __init__(self, program, work):
        os.environ["VITLRP_MODEL"] = ""  # figures are of the built-in model
        self.program, self.work = program, work
        os.makedirs(work, exist_ok=True)
        weights = json.loads(run(program, "info", "--json", "-"))["weights_sha256"]
        self.origin = [run(program, "-V").strip(), weights]
        with open(program, "rb") as file:
            self.build = hashlib.sha256(file.read()).hexdigest()

    def make(self, name, recipe, write, is_long=False):
        """The path of WORK/name, which write(path) makes unless the recipe is that of the file that is there.
        What takes long is kept for another build of the same version."""
        path = os.path.join(self.work, name)
        text = json.dumps([*self.origin, None if is_long else self.build, recipe])
        note = path + ".recipe"
        if os.path.exists(path) and os.path.exists(note):
            with open(note, encoding="utf-8") as file:
                if file.read() == text:
                    return path
        stem, ending = os.path.splitext(path)
        part = f"{stem}.part{ending}"
        write(part)
        if os.path.exists(note):
            os.remove(note)
        if os.path.isdir(path):
            shutil.rmtree(path)
        os.replace(part, path)
        with open(note + ".part", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(note + ".part", note)
        print(f"made {name}", flush=True)
        return path

    def command(self, name, *arguments, option="-o"):
        """A file that the command writes."""
        return self.make(name, arguments, lambda part: run(self.program, *arguments, "-q", option, part),
                         is_long=arguments[0] in ("eval", "concepts"))

    def picture(self, name, text, size):
        """What Chromium shows of a page."""
        browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if browser is None:
            raise LeftOut("there is no Chromium")
        page = os.path.join(self.work, name + ".html")
        with open(page, "w", encoding="utf-8") as file:
            file.write(text)
        options = ["--headless", "--disable-gpu", "--hide-scrollbars", f"--window-size={size[0]},{size[1]}"]
        options += ["--no-sandbox"] if os.geteuid() == 0 else []

        def write(part):
            run(browser, *options, f"--screenshot={part}", "file://" + page)
            if not os.path.exists(part):
                sys.exit(f"{browser} wrote no picture of {page}")
        return self.make(name, [text, size], write)


def panel(maker, _):
    return maker.command("goldfish.panel.jpg", PHOTOGRAPH, "--style", "panel")


def neurons(maker, _):
    return maker.command("goldfish.neurons.jpg", "neurons", PHOTOGRAPH, "--blocks", "0,11", "--top", "3")


def edited(maker, _):
    """Without the five neurons that the class loses most without."""
    edits = ",".join(f"{unit}=0" for unit in STRONGEST)
    return maker.command("goldfish.edited.jpg", PHOTOGRAPH, "--style", "panel", "--edit", edits)


def every_method(maker, _):
    """One photograph by every row of the table of methods, in its order."""
    with open(METHODS_TABLE, encoding="utf-8") as file:
        table = file.read().partition("| method |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    figures = FIGURE.format("file://" + KOALA, "koala.jpg")
    for method in re.findall("`([a-z-]+)`", " ".join(rows)):
        path = maker.command(f"every-{method}.png", KOALA, "--method", method, "--caption", "none", "--max-side", "240")
        figures += FIGURE.format("file://" + path, method)
    return maker.picture("every_method.jpg", EVERY_PAGE + figures, EVERY_SIZE)


def benchmark(maker, val):
    if val == "-":
        raise LeftOut("there are no validation images")
    evaluate = ["eval", val, "--limit", str(IMAGES), "--steps", str(STEPS), "--precision", "bf16", "--methods",
                ",".join(MEASURED)]
    records = [maker.command(f"eval{shard}.json", *evaluate, "--shard", f"{shard}/{SHARDS}", option="--json")
               for shard in range(SHARDS)]
    page = maker.command("report.html", "merge", *records, option="--html")
    with open(page, encoding="utf-8") as file:
        text = file.read().replace("</head>", BENCHMARK_STYLE + "</head>", 1)
    return maker.picture("benchmark.jpg", text, BENCHMARK_SIZE)


def concept(maker, val):
    if val == "-":
        raise LeftOut("there are no validation images")
    folder = maker.command("units", "concepts", val, "--show", UNIT)
    with open(os.path.join(folder, "index.html"), encoding="utf-8") as file:
        text = file.read().replace("</head>", CONCEPT_STYLE + "</head>", 1)
    text = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)  # it knows the page's styles alone
    return maker.picture("concept.jpg", text, CONCEPT_SIZE)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    val = sys.argv[2] if sys.argv[2] == "-" else os.path.abspath(sys.argv[2])
    work = sys.argv[3] if len(sys.argv) > 3 else os.path.join(os.path.dirname(HERE), "build", "figures")
    maker = Maker(program, os.path.abspath(work))
    left_out = 0
    for figure in (panel, neurons, edited, every_method, benchmark, concept):
        try:
            path = figure(maker, val)
        except LeftOut as reason:
            print(f"{figure.__name__}: left out, {reason}")
            left_out += 1
            continue
        place = os.path.join(HERE, os.path.basename(path))
        shutil.copyfile(path, place + ".part")
        os.replace(place + ".part", place)
    sys.exit(1 if left_out else 0)


if __name__ == "__main__":
    main()
