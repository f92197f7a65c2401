"""compare_speed.py: its verdicts on measurements made by hand, and a run of the command.
usage: test_compare_speed.py VITLRP"""

import contextlib
import io
import os
import random
import sys
import tempfile

import compare_speed

# How the new build's runs are to the old ones', how far they spread, their memory, and the verdict.
CASES = [
    (1.000, 0.001, 1.000, True), (1.004, 0.001, 1.000, True), (1.008, 0.001, 1.000, True),
    (1.020, 0.001, 1.000, False), (1.020, 0.050, 1.000, False), (1.000, 0.050, 1.000, True),
    (0.900, 0.050, 1.000, True), (1.000, 0.001, 1.020, False), (1.000, 0.001, 0.900, True),
    (1.000, 0.001, 1.003, True),
]


def made_runs(rng, factor, spread, memory):
    """Thirty pairs whose mean ratio is exactly that."""
    noise = [rng.gauss(0, spread) for _ in range(15)]
    noise += [-value for value in noise]
    old = [(1.0, 10000 + rng.randrange(10)) for _ in noise]
    return old, [(factor * (1.0 + value), int(kilobytes * memory))
                 for value, (_, kilobytes) in zip(noise, old)]


def main():
    wrong = 0
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for case in CASES:
            runs = made_runs(random.Random(1), *case[:3])
            wrong += compare_speed.judge_time("made", *runs) is not case[3]
        wrong += compare_speed.judge_count("made", 1000, 1006)
        wrong += not compare_speed.judge_count("made", 1000, 1004)
    with tempfile.TemporaryDirectory() as folder:
        seconds, kilobytes = compare_speed.measure([os.path.abspath(sys.argv[1]), "-V"], folder)
    wrong += not (0 <= seconds < 60 and kilobytes > 1000)
    print(said.getvalue(), f"{wrong} verdicts are wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
