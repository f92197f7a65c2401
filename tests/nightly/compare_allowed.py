"""The differences from 0.1 that are meant, each as narrow as it can be told: which cases, which file,
which key, and what the two values must be. Everything else that differs is an error. CHANGELOG.md
says the same to people."""

import re

from compare_outputs import ABSENT, Array

FORMAT = re.compile(r"vitlrp ([a-z ]+) (\d+)")
ROUNDING = 1e-4
BF16_ROUNDING = 3e-2
LEVEL = 1e-2


def anything(_old, _new):
    return True


def added(old, _new):
    return old == ABSENT


def next_format(old, new):
    """A format that is named for the first time, or one with a higher number."""
    if not isinstance(new, str) or not FORMAT.fullmatch(new):
        return False
    before = FORMAT.fullmatch(old)
    if before is None:
        return old == ABSENT
    after = FORMAT.fullmatch(new)
    return before[1] == after[1] and int(before[2]) < int(after[2])


def later_version(old, new):
    parts = [[int(part) for part in str(text).split(".")] for text in (old, new)]
    return parts[0] < parts[1]


def reversed_pair(old, new):
    return isinstance(new, list) and old == new[::-1]


def arithmetic(old, new):
    """What computed, for the first time."""
    return old == ABSENT and isinstance(new, dict) and \
        {"backend", "library", "kernels", "precision"} <= set(new)


def dropped(_old, new):
    return new == ABSENT


def more(old, new):
    """The same in the same order, with others between."""
    rest = iter(new if isinstance(new, list) else [])
    return isinstance(old, list) and all(any(value == found for found in rest) for value in old)


def less(old, new):
    return isinstance(old, int) and isinstance(new, int) and new < old


def within(old, new, bound):
    if isinstance(old, Array) and isinstance(new, Array):
        return old.distance(new) < bound
    if isinstance(old, float) and isinstance(new, float):
        return abs(old - new) <= bound * max(1.0, abs(old))
    return False


def close(old, new):
    """Equal within rounding: what LayerScale as an operation of its own may change."""
    return within(old, new, ROUNDING)


def close_in_bf16(old, new):
    """Attention's products have 8 bits there too."""
    return within(old, new, BF16_ROUNDING)


def close_to_a_level(old, new):
    """A value of the photograph may differ by 1 of 255."""
    return within(old, new, LEVEL)


def numbers(old, new):
    return isinstance(old, (float, Array)) and type(old) is type(new)


class Allowed:
    """`cases`, `files` and `keys` are regular expressions for the whole of each; `holds(old, new)`
    says which values are meant."""

    def __init__(self, name, reason, cases, files, keys, holds=anything):
        self.name, self.reason, self.holds = name, reason, holds
        self.cases, self.files, self.keys = (re.compile(text) for text in (cases, files, keys))

    def permits(self, case, difference):
        return bool(self.cases.fullmatch(case) and self.files.fullmatch(difference.file) and
                    self.keys.fullmatch(difference.key) and
                    self.holds(difference.old, difference.new))


RECORDS = r"(.*/)?[^/]*\.jsonl?|std(out|err)\.\d+"
RUNS = r"[a-z0-9]+/run(\.\d-of-\d)?\.json"
RESULTS = r"[a-z0-9]+/results(\.\d-of-\d)?\.jsonl"

ALLOWED = [
    # Measured, or the program's own name.
    Allowed("timings", "times are never equal", r".*", RECORDS,
            r"(lines\.\d+\.)?timing_ms\..*"),
    Allowed("measured", "what bench measures is never equal", r"bench/.*", r"b\.json",
            r"(.*[._])?(ms|gflops|seconds|per_\w+|share|ratio|peak_memory_bytes)"),
    Allowed("version", "the program's version", r".*", RECORDS,
            r"(lines\.\d+\.)?(.*\.)?version", later_version),
    Allowed("memory", "a session or a model may hold less than it did, never more", r"(info|models|bench)/.*",
            r"info\.json|b\.json", r"(.*\.)?(session_bytes|weight_bytes|session_bytes_by_classes\.\d\.bytes)",
            less),
    # Texts for people.
    Allowed("texts", "texts for people are written anew", r".*", r"std(out|err)\.\d+", r"text"),
    Allowed("texts of pages", "words of reports and contact sheets, and the version", r".*",
            r".*\.html", r"text"),
    Allowed("texts in pictures", "the comment in a picture's file, with the version", r".*",
            r".*\.(png|jpg)|stdout\.0", r"text"),
    Allowed("messages", "why an image failed, in words", r"(batch|eval|preprocessing/pictures)/.*",
            r".*\.(jsonl|json|csv)", r"(lines\.\d+\.|images\.\d+\.)message"),
    # Formats.
    Allowed("formats", "every JSON has its format, and a changed one has a higher number", r".*",
            RECORDS, r"(lines\.\d+\.)?format", next_format),
    Allowed("formats of lines", "batch's lines have a format instead of a number", r".*", RESULTS,
            r"lines\.\d+\.v", lambda old, new: old == 1 and new == ABSENT),
    # New facts.
    Allowed("preprocess origin", "info says what states the preprocessing", r"(info|models)/.*", r"info\.json",
            r"preprocess_origin", added),
    Allowed("facts", "and every fact about the model with its origin, and its tensors", r"(info|models)/.*",
            r"info\.json", r"facts|tensors", added),
    # What decided the figures, by hash.
    Allowed("identity", "records name the bytes of images, lists and configurations, as they were read", r".*", RECORDS,
            r"((lines|images)\.\d+\.)?((image_)?sha256|configuration)|manifest\.(truth|content)_sha256|"
            r"search\.(configuration|manifest|(held_out|calibration)\.images_sha256)", added),
    Allowed("rerun", "records state the command that made them", r".*", RECORDS, r"(lines\.\d+\.)?run(\..*)?", added),
    Allowed("identity of runs", "and a run's settings hold the configuration instead of two parts of it", r".*", RUNS,
            r"settings\.(heads|labels_sha256)", dropped),
    # Faults of 0.1.
    Allowed("f19", "lines of a batch hold the sizes of the files", r".*", RESULTS,
            r"lines\.\d+\.(further\.\d+\.)?bytes.*", added),
    Allowed("L metrics", "eval reports top-1, ERASER's two numbers, and how concentrated maps are",
            r"eval/.*", r"[a-z0-9]+\.(json|csv)",
            r"(images\.\d+\.)?(methods|lines)\.([a-z-]+|\d+)\."
            r"((morf|lerf)_top1|comprehensiveness|sufficiency|sparseness|complexity|replace)(\..*)?", added),
    Allowed("L agreement", "and agreement with drops and Shapley values, and masks of objects",
            r"eval/.*", r"[a-z0-9]+\.(json|csv)",
            r"protocol\.(coalitions|regions)|(images\.\d+\.)?(methods|lines)\.([a-z-]+|\d+)\."
            r"(rho_drop|rho_shapley|pixel_accuracy|mean_iou|average_precision)(\..*)?", added),
    Allowed("L sanity", "and the sanity checks, which 0.1 had in its library alone", r"(eval|tune)/.*",
            r"[a-z0-9]+\.(json|csv)",
            r"(protocol|search)\.(randomized|sensitivity)|(images\.\d+\.)?(methods|lines)\.([a-z-]+|\d+)\."
            r"(rho_randomized|max_sensitivity)(\..*)?", added),
    Allowed("L settings", "evaluations and searches say the score, the masks and the regions", r"(eval|tune)/.*",
            r"[a-z0-9]+\.json", r"(protocol|search)\.(score|masks|regions)",
            lambda old, new: (old, new) in ((ABSENT, "logit"), (ABSENT, "random"), (ABSENT, 1))),
    Allowed("J units", "and the settings and metrics of hidden units", r"(eval|tune)/.*", r"[a-z0-9]+\.(json|csv)",
            r"(protocol|search)\.(units|first_block|block_count|each_block|samples|single)|"
            r"(images\.\d+\.)?(methods|lines)\.([a-z-]+|\d+)\."
            r"(drop_1|mean_drop_10|units_to_lose|rho_single|pearson_single|block)(\..*)?", added),
    Allowed("L Shapley", "and tables have columns for Shapley values, empty where none were made", r"eval/.*",
            r"[em]\.csv", r"lines\.\d+\.shapley_(error|split_half)", lambda old, new: (old, new) == (ABSENT, "")),
    Allowed("L bench", "bench says which library computed", r"bench/.*", r"b\.json", r"(variants\.\d\.)?library",
            added),
    Allowed("L own mixed", "products of |W| in bfloat16 are the library's own: other last bits",
            r".*\bmixed.*", r".*\.(npy|json|csv)", r".*", close),
    Allowed("L own bf16", "and attention's products are in bfloat16 too",
            r".*\bbf16.*", r".*\.(npy|json|csv)", r".*", close_in_bf16),
    Allowed("L page", "and its page has their table, and the tests of the leader", r"eval/.*", r"e\.html",
            r"numbers", more),
    Allowed("B3 fields", "and kernels, libraries and the rule of attention", r"eval/.*",
            r"[a-z0-9]+\.json", r"settings\..*", added),
    Allowed("B3 eval", "eval records what computed in one object, instead of the backend that was asked",
            r"eval/.*", r"[a-z0-9]+\.json", r"settings\.backend", dropped),
    Allowed("rules", "eval writes the rules of a method as every other record does",
            r"eval/.*", r"[a-z0-9]+\.json", r"settings\.methods\.[a-z-]+\.(gamma|fusion)", dropped),
    Allowed("B4", "the folders of a list's entries say no label: lists without labels have none",
            r"(eval|batch)/list", r"e\.json|e\.csv|maps/results\.jsonl",
            r"(images|lines)\.\d+\.label", lambda old, new: new in (None, "")),
    Allowed("B4 manifest", "and the hash over ids and labels and the list of named classes follow",
            r"(eval|batch)/list", r"e\.json|maps/run\.json", r"manifest\.sha256|classes"),
    Allowed("B3 batch", "batch records what computed in one object, instead of the backend alone",
            r".*", RUNS, r"settings\.backend", dropped),
    Allowed("B3 batch", "which its settings now hold", r".*", RUNS, r"settings\.arithmetic",
            arithmetic),
    Allowed("B3 B9 hash", "and the hash of the settings follows", r".*", RUNS, r"settings_sha256"),
    Allowed("B9", "crop is [height, width] everywhere", r".*", RECORDS,
            r"(lines\.\d+\.|settings\.)?preprocess\.crop", reversed_pair),
    Allowed("B8", "LayerScale is an operation: within rounding where there is no epsilon",
            r"layer-scale/.*|models/.*deit3.*", r".*\.(npy|json)", r".*", close),
    Allowed("B8 memory", "and its factors are kept beside the other weights",
            r"info/layer-scale|models/.*deit3.*", r"info\.json", r"weight_bytes",
            lambda old, new: old < new <= 1.02 * old),
    Allowed("B8 epsilon", "and it takes part in the stabiliser where it is not",
            r"layer-scale/(attnlrp|cp-lrp)/epsilon-0\.01", r"map\.npy|result\.json",
            r"array|relevance_sum|ledger\.\d+\.absorbed", numbers),
    Allowed("i01", "16-bit BMP is scaled as by Pillow", r"preprocessing/pictures/.*",
            r"maps/bmp-bmp16(_down|_fields)?\.(input\.npy|raw\.npy|heat\.png)", r"array|pixels"),
    Allowed("i01 lines", "and its lines follow", r"preprocessing/pictures/.*", RESULTS,
            r"lines\.[123]\.(probability|logit|relevance_sum)", numbers),
    Allowed("i08", "16-bit grey of a PNG is rounded", r"preprocessing/pictures/.*",
            r"maps/png-kind0_16(_adam7)?\.(input\.npy|raw\.npy|heat\.png)", r"array|pixels", close_to_a_level),
    Allowed("i08 lines", "and its lines follow", r"preprocessing/pictures/.*", RESULTS,
            r"lines\.6[01]\.(probability|logit|relevance_sum)", close_to_a_level),
    Allowed("WebP", "WebP is read", r"preprocessing/pictures/.*", RESULTS,
            r"lines\.103\.status", lambda old, new: (old, new) == ("unsupported", "format")),
    Allowed("b37", "curves of maps with equal scores are means over two orders", r"eval/all-methods", r"e\.json",
            r"(images\.\d+\.)?(methods|metrics|paired)\.(centre|gradcam|attn-gradcam)\..*"),
    Allowed("b37 reports", "and the table and the page follow", r"eval/all-methods", r"e\.csv|e\.html",
            r"lines\.\d+\.((delta|morf|lerf|aopc)_(logit|prob)|insertion|deletion)|numbers\..*"),
    Allowed("i03", "EXIF that begins as in a JPEG turns a PNG", r"preprocessing/pictures/upright",
            r"maps/exif-segment\.(input\.npy|raw\.npy|heat\.png)", r"array|pixels"),
    Allowed("i03 lines", "and its line follows", r"preprocessing/pictures/upright", RESULTS,
            r"lines\.40\.(class|wnid|name|probability|logit|relevance_sum)"),
    Allowed("F1 F4 F5", "pictures stay within their map's range, a scale by its kind, grey, a strip", r".*",
            r".*\.(png|jpg)|.*\.html#\d+|stdout\.0", r"pixels|form"),
    Allowed("F4 batch", "a batch records the range of its pictures", r".*", RUNS,
            r"settings\.picture\.(range|cmap|underlay|caption|contours|top_\w+)",
            lambda old, new: (old, new) in ((ABSENT, "auto"), (ABSENT, "grey"), (ABSENT, 0), (ABSENT, 0.0),
                                               (ABSENT, "mask"), ("bwr", "auto"))),
    Allowed("K max side", "and the side up to which it draws", r".*", RUNS, r"settings\.picture\.max_side",
            lambda old, new: (old, new) == (ABSENT, 4096)),
    Allowed("W7 label", "an image's JSON names the label that it was explained for", r"batch/options/label",
            r"maps/.*\.heat\.json", r"label", added),
    Allowed("F11", "pages have tables of values, and no intervals of few images", r".*", r".*\.html",
            r"numbers"),
    Allowed("W7", "lines of a batch say the label and the prediction by name, and have what its page shows", r".*",
            RESULTS, r"lines\.\d+\.(further\.\d+\.)?(label_name|predicted(_name|_probability)?|thumbnail(s|_bytes)|"
            r"coarse)(\..*)?", added),
    Allowed("W7 files", "and small pictures", r".*", r"[a-z0-9]+/thumbs/.*", r"file",
            lambda old, new: old == ABSENT),
    Allowed("i07", "scans that are missing are a warning", r"preprocessing/pictures/.*", RESULTS,
            r"lines\.\d+\.warning", added),
]


def allowed_by(case, difference):
    """The entry of the table that permits a difference, or None."""
    return next((entry for entry in ALLOWED if entry.permits(case, difference)), None)
