"""What is run with both builds. A case is a name and commands, run one after the other in an empty
folder; everything that they leave there, their standard output and their exit codes are compared.

Every family of cases is one function of the inputs that yields (name, commands, quick); a case that
is `quick` belongs to the selection that takes under a minute."""

import itertools
import math

METHODS = ["attnlrp", "cp-lrp", "attnlrp-eps", "attnlrp-rollout", "attnlrp-masked", "rollout",
           "raw-attention", "grad-rollout", "chefer", "attn-gradcam", "gradcam", "legrad",
           "input-x-gradient", "integrated-gradients", "smoothgrad", "occlusion", "rise", "random",
           "centre"]
SAMPLED = {"attnlrp-masked": "3", "integrated-gradients": "5", "smoothgrad": "4", "rise": "30"}
PIXELS = {"attnlrp", "cp-lrp", "attnlrp-eps", "attnlrp-masked", "input-x-gradient",
          "integrated-gradients", "smoothgrad"}
BACKENDS = ["openblas", "onednn"]
GAMMAS = ["conv", "linear", "qkv", "proj", "fc1", "fc2", "head"]
CMAPS = ["bwr", "seismic", "coldnhot", "coolwarm", "viridis", "inferno", "magma", "turbo", "jet",
         "gray"]
REPLACEMENTS = ["zero", "black", "mean", "blur", "noise", "road"]
FILES = ["--raw", "map.npy", "--logits", "logits.npy", "--json", "result.json", "--ledger", "-q"]


class Case:
    def __init__(self, name, commands, quick):
        self.name, self.commands, self.quick = name, commands, quick


def method_options(method):
    samples = ["--samples", SAMPLED[method]] if method in SAMPLED else []
    return ["--method", method, *samples]


def explain(image, model, *options):
    """One explanation with everything that it writes as numbers."""
    where = ["--model", model] if model else []
    return ["explain", image, *where, *FILES, *options]


def levels(method, *command):
    """The command at both levels, where the method has both; files of the second are named apart."""
    yield list(command)
    if method in PIXELS:
        renamed = [f"pixel-{word}" if word.endswith((".npy", ".json")) and "/" not in word else word
                   for word in command]
        yield [*renamed, "--level", "pixel"]


def methods(inputs):
    """Every method with every backend, precision and number of threads."""
    timm = str(inputs.parity / "timm.safetensors")
    models = [("small-vit", inputs.photo, None, []),
              ("parity", str(inputs.parity / "input.npy"), timm, ["--heads", "4"])]
    ways = itertools.product(models, METHODS, BACKENDS, ("fp32", "mixed", "bf16"), ("1", "2"))
    for (label, image, model, heads), method, backend, precision, threads in ways:
        run = ["--backend", backend, "--precision", precision, "-j", threads]
        command = explain(image, model, *heads, *run, *method_options(method))
        quick = label == "parity" and (precision == "fp32" and threads == "1" or
                                       method in ("attnlrp", "cp-lrp") and threads == "2")
        yield (f"methods/{label}/{method}/{backend}-{precision}-{threads}",
               list(levels(method, *command)), quick)


def shapes(inputs):
    """Every method on models of unusual shapes, and the precisions where products are large."""
    for (label, model, image, options), method in itertools.product(inputs.made, METHODS):
        for backend in BACKENDS:
            threads = "2" if backend == "onednn" else "1"
            command = explain(image, model, *options, "--backend", backend, "-j", threads,
                              *method_options(method))
            quick = method in ("attnlrp", "chefer") and backend == "onednn"
            yield f"shapes/{label}/{method}/{backend}", list(levels(method, *command)), quick
    large = [made for made in inputs.made if made[0] in ("many-tokens", "broad")]
    for (label, model, image, _), precision in itertools.product(large, ("mixed", "bf16")):
        for method in ("attnlrp", "cp-lrp", "input-x-gradient", "rollout"):
            command = explain(image, model, "--backend", "onednn", "--precision", precision,
                              *method_options(method))
            yield f"shapes/{label}/{method}/{precision}", list(levels(method, *command)), False


def models(inputs):
    """Every stored model; what both refuse is equal too."""
    for label, model, image, heads in inputs.stored:
        commands = [["info", model, *heads, "--json", "info.json"]]
        for method, backend in itertools.product(
                ("attnlrp", "attnlrp-eps", "chefer", "input-x-gradient"), BACKENDS):
            command = explain(image, model, *heads, "--backend", backend, "--method", method)
            name = f"{method}-{backend}"
            commands.append([word.replace("map.npy", f"{name}.npy").replace("result", name)
                             for word in command])
        yield f"models/{label}", commands, label.startswith("parity")
    label, model, image, _ = inputs.layer_scale
    for method, epsilon in itertools.product(("attnlrp", "cp-lrp", "chefer"), ("0", "0.01")):
        yield (f"layer-scale/{method}/epsilon-{epsilon}",
               [explain(image, model, "--method", method, "--epsilon", epsilon)], True)


def rules(inputs):
    """Gammas of every kind, epsilon, and files of settings."""
    timm = str(inputs.parity / "timm.safetensors")
    models_of = [("small-vit", inputs.photo, None, []),
                 ("parity", str(inputs.parity / "input.npy"), timm, ["--heads", "4"])]
    for (label, image, model, heads), method in itertools.product(models_of, ("attnlrp", "cp-lrp")):
        base = [*heads, "--method", method, "--level", "pixel"]
        for kind, gamma in itertools.product(GAMMAS, ("0", "0.7", "inf")):
            yield (f"rules/{label}/{method}/{kind}-{gamma}",
                   [explain(image, model, *base, f"--gamma-{kind}", gamma)], label == "parity")
        for epsilon, gamma in itertools.product(("1e-6", "0.1", "3"), ("0", "0.25")):
            every = [word for kind in GAMMAS for word in (f"--gamma-{kind}", gamma)]
            yield (f"rules/{label}/{method}/epsilon-{epsilon}-gamma-{gamma}",
                   [explain(image, model, *base, *every, "--epsilon", epsilon)], label == "parity")
        every = [word for index, kind in enumerate(GAMMAS)
                 for word in (f"--gamma-{kind}", str(round(0.1 + 0.3 * index, 1)))]
        for backend, threads in itertools.product(BACKENDS, ("1", "2")):
            yield (f"rules/{label}/{method}/all-{backend}-{threads}",
                   [explain(image, model, *base, *every, "--backend", backend, "-j", threads)], True)
    for method in METHODS:
        yield (f"rules/small-vit/epsilon-of-{method}",
               [explain(inputs.photo, None, "--epsilon", "0.05", *method_options(method))], False)


def classes(inputs):
    """Which class is explained, and against which."""
    photo, timm = inputs.photo, str(inputs.parity / "timm.safetensors")
    for name, options in {
            "index": ["-c", "964"], "wnid": ["-c", "n01882714"], "label": ["-c", "koala"],
            "versus": ["-c", "1", "--versus", "964"], "versus-pixel":
            ["-c", "1", "--versus", "964", "--level", "pixel"], "unknown": ["-c", "no such"],
            "beyond": ["-c", "1000"]}.items():
        yield f"classes/{name}", [explain(photo, None, *options)], True
    for method in METHODS:
        options = [*method_options(method), "-c", "top:3"]
        yield (f"classes/top-3/{method}",
               [["explain", photo, *options, "-o", "{stem}.{class}.npy", "--json", "all.json", "-q"]],
               method in ("attnlrp", "chefer"))
        versus = [*method_options(method), "-c", "1", "--versus", "105"]
        yield f"classes/versus-of/{method}", [explain(photo, None, *versus)], False
    image = str(inputs.parity / "input.npy")
    for precision, kind in itertools.product(("fp32", "mixed", "bf16"), ("linear", "qkv")):
        options = ["--heads", "4", "-c", "top:5", "--precision", precision, f"--gamma-{kind}", "0.3"]
        yield (f"classes/top-5/{precision}-{kind}",
               [["explain", image, "-m", timm, *options, "-o", "{class}.npy", "--json", "all.json",
                 "-q"]], True)
    yield ("classes/several-images",
           [["explain", photo, inputs.koala, "-c", "top:2", "-o", "maps", "--json", "all.json"],
            ["explain", photo, inputs.koala, "--json", "-", "-q", "-o", "{stem}.jpg"]], True)


def parameters(inputs):
    """Options of single methods."""
    for name, options in {
            "masked": ["--method", "attnlrp-masked", "--seed", "7"],
            "smooth": ["--method", "smoothgrad", "--samples", "3", "--noise", "0.4", "--seed", "9"],
            "integrated": ["--method", "integrated-gradients", "--samples", "11"],
            "rise": ["--method", "rise", "--samples", "70", "--seed", "3"],
            "random": ["--method", "random", "--seed", "4"]}.items():
        yield f"parameters/{name}", [explain(inputs.photo, None, *options)], True
    for fusion, discard in itertools.product(("mean", "max", "min"), ("0", "0.5", "0.9")):
        options = ["--method", "rollout", "--head-fusion", fusion, "--discard-ratio", discard]
        yield (f"parameters/rollout-{fusion}-{discard}", [explain(inputs.photo, None, *options)],
               True)


def preprocessing(inputs):
    """Options of preprocessing, and every kind of picture."""
    plans = {"default": [], "squash": ["--resize", "squash:64"], "short": ["--resize", "short:90"],
             "none": ["--resize", "none", "--crop", "64"], "crop": ["--crop", "96"],
             "crop-small": ["--crop", "40", "--interpolation", "bilinear"],
             "bilinear": ["--interpolation", "bilinear"],
             "normalised": ["--mean", "0.1,0.2,0.3", "--std", "0.4,0.5,0.6"]}
    for name, options in plans.items():
        for label, photo in (("goldfish", inputs.photo), ("koala", inputs.koala)):
            yield (f"preprocessing/{name}/{label}",
                   [explain(photo, None, *options, "--dump-input", "input.npy", "-o", "seen.png")],
                   label == "koala")
    wide = inputs.made[0][1]
    for name, options in {"default": [], "squash": ["--resize", "squash:64"]}.items():
        yield (f"preprocessing/wide/{name}",
               [explain(inputs.koala, wide, *options, "--dump-input", "input.npy", "-o", "seen.png")],
               True)
    for name, options in {"upright": [], "as-stored": ["--ignore-exif"]}.items():
        yield (f"preprocessing/pictures/{name}",
               [["batch", str(inputs.pictures), "-o", "maps", "--write", "input,raw,png", "-q",
                 "-j", "2", *options]], True)


def pictures(inputs):
    """The pixels of what is drawn."""
    def draw(name, ending, *options):
        return [["explain", inputs.photo, "-o", f"{name}.{ending}", "-q", *options]]
    for style, cmap, ending in itertools.product(("overlay", "heat", "panel"), CMAPS,
                                                 ("png", "jpg")):
        yield (f"pictures/{style}/{cmap}-{ending}",
               draw("a", ending, "--style", style, "--cmap", cmap),
               cmap in ("bwr", "turbo") and ending == "png")
    for style, upsample, level in itertools.product(
            ("overlay", "heat", "panel"), ("nearest", "bilinear", "bicubic"), ("patch", "pixel")):
        yield (f"pictures/{style}/{upsample}-{level}",
               draw("a", "png", "--style", style, "--upsample", upsample, "--level", level), False)
    for name, options in {"opacity-0": ["--opacity", "0"], "opacity": ["--opacity", "0.4"],
                          "scale": ["--scale", "0.1"], "one-sign": ["--method", "chefer"],
                          "versus": ["--versus", "964"]}.items():
        yield f"pictures/{name}", draw("a", "png", *options), True
    timm, array = str(inputs.parity / "timm.safetensors"), str(inputs.parity / "input.npy")
    yield ("pictures/of-an-array",
           [["explain", array, "-m", timm, "--heads", "4", "-o", "a.png", "-q"]], True)
    yield "pictures/standard-output", [["explain", inputs.photo, "-o", "-", "-q"]], True
    yield "pictures/map-as-output", [["explain", inputs.photo, "-o", "a.npy", "-q"]], True


def evaluations(inputs):
    """eval's records, tables and pages, and merge of their shards."""
    def run(*options, data=str(inputs.dataset)):
        return ["eval", data, "--steps", "4", "--json", "e.json", "--csv", "e.csv", "--html",
                "e.html", "-q", *options]
    few = ["--methods", "attnlrp,rollout,random"]
    timm = ["-m", str(inputs.parity / "timm.safetensors"), "--heads", "4"]
    yield "eval/default", [run("-j", "1")], False
    yield "eval/all-methods", [run(*timm, "--methods", ",".join(METHODS), "-j", "2")], False
    ways = itertools.product(BACKENDS, ("fp32", "mixed", "bf16"), ("1", "2"))
    for backend, precision, threads in ways:
        options = ["--backend", backend, "--precision", precision, "-j", threads]
        yield (f"eval/arithmetic/{backend}-{precision}-{threads}", [run(*few, *options)],
               threads == "2" and backend == "onednn")
    for name, replace in itertools.product(("small-vit", "parity"), REPLACEMENTS):
        model = timm if name == "parity" else []
        yield (f"eval/replace/{name}-{replace}", [run(*few, *model, "--replace", replace)],
               name == "parity")
    for name, options in {
            "label": ["--target", "label"], "limit": ["--limit", "3"],
            "boxes": ["--boxes", str(inputs.base / "boxes.csv")],
            "truth": ["--truth", str(inputs.base / "truth.csv"), "--target", "label"],
            "reference": ["--reference", "random"], "seed": ["--seed", "12", "--replace", "noise"],
            "rules": ["--gamma-linear", "0.2", "--gamma-qkv", "inf", "--epsilon", "0.01"],
            "preprocess": ["--resize", "squash:64", "--ignore-exif", "--mean", ".4,.4,.4"],
            "crop": ["--crop", "48"]}.items():
        yield f"eval/options/{name}", [run(*few, *options)], True
    wide = inputs.made[0][1]
    yield "eval/wide", [run(*few, "-m", wide)], True
    yield "eval/damaged", [run(*few, data=str(inputs.damaged))], True
    yield "eval/list", [run(*few, data=str(inputs.base / "list.txt"))], True
    yield ("eval/labelled-list",
           [run(*few, "--target", "label", data=str(inputs.base / "labelled.txt"))], True)
    shards = [["eval", str(inputs.dataset), "--steps", "4", *few, "--shard", f"{index}/3", "--json",
               f"{index}.json", "-q"] for index in range(3)]
    parts = [f"{index}.json" for index in range(3)]
    yield ("eval/merge", [*shards, ["merge", *parts, "--json", "m.json", "--csv", "m.csv", "--html",
                                    "m.html", "-q"],
                          ["merge", *parts[:2], "--json", "two.json"]], True)


def batches(inputs):
    """Trees of files, journals and pages, divided and resumed."""
    dataset = str(inputs.dataset)
    every = ["--write", "png,jpg,raw,logits,input,json"]
    for backend, threads in itertools.product(BACKENDS, ("1", "2")):
        yield (f"batch/everything/{backend}-{threads}",
               [["batch", dataset, "-o", "maps", *every, "--backend", backend, "-j", threads, "-q"]],
               threads == "2")
    wide = ["-m", inputs.made[0][1]]
    for name, options in {
            "top": ["--class", "top:3", *every], "label": ["--class", "label", *every],
            "contrast": ["--class", "1", "--versus", "105", *every], "limit": ["--limit", "4"],
            "pixel": ["--level", "pixel", "--write", "raw,png", "--style", "panel"],
            "chefer": ["--method", "chefer", *every], "wide": [*wide, *every],
            "mixed": ["--precision", "mixed", *every], "bf16": ["--precision", "bf16", *every],
            "crop": ["--crop", "80", *every], "dry": ["--dry-run"],
            "rise": [*method_options("rise"), "--write", "raw"],
            "scale": ["--scale", "0.01", "--opacity", "0.5", "--cmap", "jet"]}.items():
        yield f"batch/options/{name}", [["batch", dataset, "-o", "maps", "-q", *options]], True
    damaged = str(inputs.damaged)
    yield ("batch/damaged", [["batch", damaged, "-o", "maps", *every, "-q"],
                             ["batch", damaged, "-o", "maps", *every, "-q", "--retry-failed"]], True)
    yield "batch/list", [["batch", str(inputs.base / "list.txt"), "-o", "maps", *every, "-q"]], True
    yield ("batch/labelled-list",
           [["batch", str(inputs.base / "labelled.txt"), "-o", "maps", "--class", "label", "-q"]],
           True)
    shard = [["batch", dataset, "-o", "maps", "--write", "raw", "-q", "--shard", f"{index}/2"]
             for index in range(2)]
    yield "batch/merge", [*shard, ["merge", "maps", "-q"]], True
    apart = [["batch", dataset, "-o", f"part{index}", "--write", "raw,json", "-q", "--shard",
              f"{index}/2"] for index in range(2)]
    yield "batch/merge-folders", [*apart, ["merge", "part0", "part1", "-o", "whole", "-q"]], True


def searches(inputs):
    """tune, and explanations with what it found."""
    dataset, timm = str(inputs.dataset), str(inputs.parity / "timm.safetensors")
    small = ["-m", timm, "--heads", "4", "--steps", "4"]
    for name, options in {"default": [], "cp-lrp": ["--method", "cp-lrp"],
                          "options": ["--replace", "mean", "--seed", "5", "--limit", "4"],
                          "bounded": ["--gamma-conv", "0.5"]}.items():
        for backend in BACKENDS:
            yield (f"tune/{name}/{backend}",
                   [["tune", dataset, *small, "-o", "tuned.json", "--json", "search.json",
                     "--backend", backend, "-q", *options],
                    explain(str(inputs.parity / "input.npy"), timm, "--heads", "4", "--settings",
                            "tuned.json")], True)
    yield "tune/small-vit", [["tune", dataset, "--steps", "3", "-o", "tuned.json", "-q"]], False


def facts(inputs):
    """info and bench: keys, and numbers that are no times."""
    for name, options in {"small-vit": [], "classes": ["--classes"], "crop": ["--crop", "128"],
                          "openblas": ["--backend", "openblas", "-j", "1"]}.items():
        yield f"info/{name}", [["info", "--json", "info.json", *options]], True
    for label, model, _, options in [*inputs.made, inputs.layer_scale]:
        yield f"info/{label}", [["info", model, *options, "--json", "info.json"]], True
    timm = ["-m", str(inputs.parity / "timm.safetensors"), "--heads", "4", "-q"]
    yield ("bench/passes", [["bench", *timm, "--runs", "1", "--backend", "all", "--json", "b.json"]],
           True)
    yield "bench/eval", [["bench", *timm, "--eval", "--json", "b.json"]], False


def refusals(inputs):
    """What is refused, with which exit code, and what is left behind."""
    photo, dataset = inputs.photo, str(inputs.dataset)
    for name, command in {
            "no-image": ["explain", "none.jpg"], "no-model": [photo, "-m", "none.pth"],
            "bad-model": [photo, "-m", photo], "bad-heads": [photo, "--heads", "5"],
            "gamma": [photo, "--gamma-fc1", "-1"], "method": [photo, "--method", "none"],
            "level": [photo, "--method", "rollout", "--level", "pixel"],
            "crop": [photo, "--crop", "63"], "limit-image": [photo, "--limits", "side=10"],
            "limit-memory": [photo, "--limits", "memory=1MiB"],
            "limit-weights": [photo, "--limits", "weights=1MiB"],
            "eval-memory": ["eval", dataset, "--limits", "memory=1MiB", "--json", "e.json"],
            "eval-empty": ["eval", "."], "eval-steps": ["eval", dataset, "--steps", "0"],
            "eval-folder": ["eval", "none", "--json", "e.json"],
            "batch-empty": ["batch", ".", "-o", "maps"], "tune-empty": ["tune", "."],
            "merge-none": ["merge", "none.json"], "settings": [photo, "--settings", photo],
            "labels": [photo, "--labels", photo], "unknown": [photo, "--unknown"]}.items():
        yield f"refusals/{name}", [command], True


FAMILIES = (methods, shapes, models, rules, classes, parameters, preprocessing, pictures,
            evaluations, batches, searches, facts, refusals)


def all_cases(inputs):
    found = [Case(*parts) for family in FAMILIES for parts in family(inputs)]
    names = {case.name for case in found}
    assert len(names) == len(found), "two cases have one name"
    return found


def shuffled(cases):
    """Long cases far from each other, so that the work ends evenly; the same order every time."""
    step = next(step for step in range(len(cases) // 3 + 1, 2 * len(cases) + 2)
                if math.gcd(step, len(cases)) == 1) if len(cases) > 1 else 1
    return [cases[index * step % len(cases)] for index in range(len(cases))]
