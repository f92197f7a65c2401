"""The rooms of the project, which are the folders of its C files, include each other in one direction: no cycle.
layers.py names the direction of the large ones; this finds any circle, in rooms that it does not name too.
main.c and *_main.c, which call the rooms around them and are called by nobody, are rooms of their own.
usage: rooms.py ROOT"""

import os
import re
import sys

import sources

FOLDERS = ("src", "include", "vit", "imgio", "eval")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
# Where a header's path may begin, beside the folder of the file that includes it.
BEGINNINGS = ("", "src", "include")


def header_path(root, path, header):
    """The header's path below ROOT, or None: it is made while building, or of another library."""
    for beginning in (os.path.dirname(path), *BEGINNINGS):
        found = os.path.normpath(os.path.join(beginning, header))
        if os.path.exists(os.path.join(root, found)):
            return found
    return None


def room_of(path):
    is_entry = re.fullmatch(r"(.*_)?main\.c", os.path.basename(path))
    return path if is_entry else os.path.dirname(path)


def edges(root):
    """{room: {room that it includes: a file and a header that do so}}"""
    graph = {}
    for path in sources.c_files(root, FOLDERS, (".c", ".h", ".S", ".def")):
        room = room_of(path)
        for header in INCLUDE.findall(sources.read(root, path)):
            found = header_path(root, path, header)
            other = room_of(found) if found else os.path.dirname(path)
            if other != room:
                graph.setdefault(room, {}).setdefault(other, f'{path} includes "{header}"')
    return graph


def find_cycle(graph):
    """The rooms of one circle, the first one repeated at the end; empty: there is none."""
    done, way = set(), []

    def visit(room):
        if room in way:
            return way[way.index(room):] + [room]
        if room in done:
            return []
        way.append(room)
        for other in sorted(graph.get(room, {})):
            cycle = visit(other)
            if cycle:
                return cycle
        way.pop()
        done.add(room)
        return []

    for room in sorted(graph):
        cycle = visit(room)
        if cycle:
            return cycle
    return []


def check(root):
    graph = edges(root)
    cycle = find_cycle(graph)
    return [f"{room} needs {other}: {graph[room][other]}" for room, other in zip(cycle, cycle[1:])]


if __name__ == "__main__":
    sources.finish("rooms", check(sys.argv[1]))
