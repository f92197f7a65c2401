"""The list of known models in docs/MODELS.md is what the tables of vit/load and src/api have.
usage: known_models.py ROOT [--write]

Between the two markers stands what this script makes of published.def, of the layouts, of Hugging Face's types and
classes, of the processors and of torchvision's files; --write puts it there."""

import os
import re
import sys
import textwrap

import sources

PAGE = "docs/MODELS.md"
BEGIN = "<!-- made by tests/checks/known_models.py --write: begin -->\n"
END = "<!-- made by tests/checks/known_models.py --write: end -->\n"

# What a trait of published.def is called; NAMES of facts are not for readers.
WORDS = {
    "RMS": "RMSNorm", "EPS5": "eps 1e-5", "TANH": "gelu_tanh", "QUICK": "quick_gelu", "GATED": "SwiGLU in one layer",
    "GATED_SPLIT": "SwiGLU in two layers", "POST_NORM": "norms behind the branches", "PARALLEL": "parallel branches",
    "PAIRS": "two branches side by side: **refused**", "DIFF": "differential attention", "NO_CLS": "no CLS",
    "DISTILLED": "distillation token", "REG1": "1 register", "REG4": "4 registers", "REG7": "7 registers",
    "REG9": "9 registers", "PATCH_POS": "positions of patches alone", "NO_POS": "no position embeddings",
    "EMBED_NORM": "norm of the patch embedding", "PRE_NORM": "norm before the blocks",
    "QK_NORM": "norms of queries and keys", "ATTENTION_NORM": "norm inside the attention",
    "MLP_NORM": "norm inside the MLP", "RELATIVE": "relative position biases", "MEAN": "mean of the patches",
    "MAP": "attention pool", "MAP_ALL": "attention pool over all tokens", "POOL_ALL": "over all tokens",
    "POOL_HEADS8": "8 heads in it", "NORM_FIRST": "norm before the pool", "NO_NORM": "no final norm",
    "ROPE_EVA": "EVA's RoPE", "ROPE_PE14": "PE's RoPE", "ROPE_PE24": "PE's RoPE", "ROPE_PE32": "PE's RoPE",
    "ROPE_PE32_G": "PE's RoPE", "ROPE_NAVER": "naver's RoPE", "ROPE_LEARNED": "learned RoPE",
    "ROPE_DINO": "DINOv3's RoPE",
}


def wrapped(text):
    """An item of a list."""
    return textwrap.fill(f"- {text}", 120, subsequent_indent="  ", break_long_words=False,
                         break_on_hyphens=False) + "\n"


def joined(names, place):
    """Names that differ in one part become one: vit_{base,large}_patch16_224."""
    groups = {}
    for name in names:
        parts = name.split("_")
        at = place % len(parts)
        groups.setdefault((tuple(parts[:at]), tuple(parts[at + 1:]), len(parts)), []).append(parts[at])
    found = []
    for (before, behind, _), words in groups.items():
        word = words[0] if len(words) == 1 else "{" + ",".join(words) + "}"
        found.append("_".join(before + (word,) + behind))
    return found


def architectures(root):
    text = sources.read(root, "vit/load/published.def")
    traits = {name: re.findall(r"T\((\w+)\)", rest) for name, rest in re.findall(r"^FAMILY\((\w+), (.*)\)", text, re.M)}
    families, count = {}, 0
    for name, family in re.findall(r'^ARCHITECTURE\("([^"]+)", (\w+),', text, re.M):
        families.setdefault(family, []).append(name)
        count += 1
    lines = {}
    for family, names in families.items():
        words = ", ".join(dict.fromkeys(WORDS[trait] for trait in traits[family])) or "nothing else"
        lines.setdefault(words, []).extend(names)
    made = f"timm's architectures, by what else they have than a plain Vision Transformer ({count}):\n\n"
    for words, names in sorted(lines.items(), key=lambda item: (item[0] != "nothing else", item[0])):
        short = joined(joined(sorted(names), 1), -1)
        made += wrapped(f"{words}: " + ", ".join(f"`{name}`" for name in short))
    return made


def huggingface(root):
    text = sources.read(root, "vit/load/facts_huggingface.c")
    types = text[text.index("} TYPES[] = {"):text.index("CLASSES[] = {")]
    classes = text[text.index("CLASSES[] = {"):]
    classes = classes[:classes.index("\n};")]
    found = [re.findall(r'\{"([\w-]+)",\s*"\w+Config"', types),
             re.findall(r'(?:ON_TOKEN\(|HEADLESS\(|\{)"(\w+)"', classes)]
    made = ""
    for what, names in zip(("model_type", "architectures"), found):
        made += wrapped(f"`{what}` of Hugging Face ({len(names)}): " + ", ".join(f"`{name}`" for name in names))
    return made


def others(root):
    layouts = re.findall(r'^    TABLE\("([^"]+)", [A-Z_]+, [A-Z0-9_]+\),',
                         sources.read(root, "vit/load/layout_tables.c"), re.M)
    processors = re.findall(r'^    \{"(\w+)", (?:true|false)',
                            sources.read(root, "src/api/preprocess_huggingface.c"), re.M)
    files = re.findall(r'^    \{"(vit_[^"]+)"', sources.read(root, "src/api/preprocess_published.c"), re.M)
    return (wrapped("names of tensors: " + ", ".join(f"`{name}`" for name in dict.fromkeys(layouts))) +
            wrapped("image processors of Hugging Face: " + ", ".join(f"`{name}`" for name in processors)) +
            wrapped("torchvision's files: " + ", ".join(f"`{name}`" for name in files)))


def make(root):
    return others(root) + huggingface(root) + "\n" + architectures(root)


def main():
    root, writes = sys.argv[1], sys.argv[2:] == ["--write"]
    path = os.path.join(root, PAGE)
    page = sources.read(root, PAGE)
    if BEGIN not in page or END not in page:
        print(f"{PAGE}: the markers are not there")
        return 1
    before, rest = page.split(BEGIN, 1)
    listed, behind = rest.split(END, 1)
    wanted = make(root)
    if writes:
        with open(path, "w", encoding="utf-8") as file:
            file.write(before + BEGIN + wanted + END + behind)
    elif listed != wanted:
        print(f"{PAGE}: the list of known models is not what the tables have: {sys.argv[0]} ROOT --write makes it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
