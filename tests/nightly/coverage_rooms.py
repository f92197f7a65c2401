"""Coverage of lines and branches by room, and the functions that nothing calls. usage: coverage_rooms.py REPORT.json
[ROOM=PERCENT...]

REPORT.json is what gcovr --json wrote. A room is a folder of ours. Exit 1: of a ROOM that is named, fewer than PERCENT
of the lines are covered, or it is not in the report."""

import json
import os
import sys


def rooms_of(report):
    """{room: [lines, covered lines, branches, covered branches, [functions that are never called]]}"""
    rooms = {}
    for file in report["files"]:
        path = file.get("file") or file["filename"]
        room = rooms.setdefault(os.path.dirname(path), [0, 0, 0, 0, []])
        for line in file["lines"]:
            if line.get("gcovr/noncode"):
                continue
            branches = line.get("branches", [])
            room[0] += 1
            room[1] += line["count"] > 0
            room[2] += len(branches)
            room[3] += sum(branch["count"] > 0 for branch in branches)
        room[4] += [f"{os.path.basename(path)}: {entry['name']}" for entry in file.get("functions", [])
                    if entry["execution_count"] == 0]
    return rooms


def share(part, whole):
    return 100 * part / whole if whole else 100.0


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        rooms = rooms_of(json.load(file))
    print(f"{'room':24} {'lines':>7} {'covered':>8} {'branches':>9} {'covered':>8}")
    total = [sum(room[place] for room in rooms.values()) for place in range(4)]
    for name, room in [*sorted(rooms.items()), ("all", total)]:
        print(f"{name:24} {room[0]:7} {share(room[1], room[0]):6.1f} % {room[2]:9} {share(room[3], room[2]):6.1f} %")
    for name, room in sorted(rooms.items()):
        for function in sorted(set(room[4])):
            print(f"never called: {name}/{function}")
    failed = False
    for word in sys.argv[2:]:
        name, _, least = word.partition("=")
        room = rooms.get(name)
        if room is None or share(room[1], room[0]) < float(least):
            print(f"{name}: fewer than {least} % of the lines are covered")
            failed = True
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
