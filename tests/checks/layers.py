"""A file includes only headers of its own layer and of lower ones; imgio, text and vit do not know each
other, and the command and its figures know the public headers and base only. The same for the rooms of vit. usage: layers.py ROOT"""

import os
import re
import sys

import sources

# Layer folder: folders whose headers it may include, by their path or by plain name.
ALLOWED = {
    "src/base": {"base"},
    "imgio": {"base", "imgio"},
    "src/text": {"base", "text"},
    "vit": {"base", "vit"},
    "eval": {"base", "imgio", "vit", "eval"},
    "src/figure": {"base", "public", "figure"},
    "src/api": {"base", "imgio", "text", "vit", "eval", "public", "figure", "api"},
    "src/cli": {"base", "public", "figure", "cli"},
    "include": {"public"},
}
PUBLIC = {"vitlrp.h", "vitlrp_eval.h", "vitlrp_words.h", "vitlrp_units.h", "vitlrp_concepts.h"}
# What every layer may include: enumerations and records, and tables.
SHARED = {"vitlrp_types.h", "vitlrp_roles.def", "vitlrp_replacements.def"}
OWN = {"src/base": "base", "src/text": "text", "src/figure": "figure", "src/api": "api", "src/cli": "cli"}

# The rooms of vit: what each may include beside itself.
ROOMS = {
    "math": set(),
    "model": {"math"},
    "tokens": {"math", "model"},
    "ops": {"math", "model", "tokens"},
    "program": {"math", "model", "tokens", "ops"},
    "methods": {"math", "model", "tokens", "ops", "program"},
    "load": {"math", "model"},
}

# Other people's libraries, each behind one door.
DOORS = {
    "cblas.h": r"vit/math/gemm_.*",
    "dnnl.h": r"vit/math/gemm_.*",
    "jpeglib.h": r"imgio/.*",
    "png.h": r"imgio/.*",
    "utf8proc.h": r"src/text/.*",
    "pango/pangoft2.h": r"imgio/shaper_pango\.c",
    "pango/pangocairo.h": r"src/cli/figure_cairo\.c",
    "cairo-pdf.h": r"src/cli/figure_cairo\.c",
    "dlfcn.h": r"src/base/library\.c",
    "openssl/evp.h": r"src/base/.*",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_of(path):
    return next((layer for layer in ALLOWED if path.startswith(layer + "/")), None)


def layer_of_header(root, layer, path, header):
    if header in PUBLIC:
        return "public"
    if "/" in header:
        return header.split("/")[0]
    if os.path.exists(os.path.join(root, os.path.dirname(path), header)):
        return OWN.get(layer, layer)
    return None


def room_of(path):
    """The room of a file or header vit/ROOM/NAME, else None."""
    parts = path.split("/")
    return parts[1] if parts[0] == "vit" and len(parts) == 3 else None


def for_room(path, header):
    room, other = room_of(path), room_of(header)
    return room is None or other is None or other == room or other in ROOMS.get(room, ())


def check(root):
    complaints = []
    for path in sources.c_files(root, endings=(".c", ".h", ".S", ".def")):
        layer = layer_of(path)
        if layer is None:
            continue
        for mark, header in INCLUDE.findall(sources.read(root, path)):
            door = DOORS.get(header)
            if door is not None and not re.fullmatch(door, path):
                complaints.append(f"{path}: <{header}> is used outside of {door}")
            if mark == "<":
                continue
            found = layer_of_header(root, layer, path, header)
            if header not in DOORS and header not in SHARED and found not in ALLOWED[layer]:
                complaints.append(f'{path}: "{header}" ({found}) is not for {layer}')
            if not for_room(path, header):
                complaints.append(f'{path}: "{header}" is of a higher room of vit')
    return complaints


if __name__ == "__main__":
    sources.finish("layers", check(sys.argv[1]))
