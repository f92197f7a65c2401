"""Memory of a long batch is that of a short one. usage: soak.py PROGRAM IMAGE [ITEMS]

Explains IMAGE 500 times and ITEMS (50,000) times, by links to it, and compares the largest resident
memory of the two runs, which may grow by the list of images only. A file descriptor that is lost
with every image would end the second run."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import small_model  # noqa: E402

FEW = 500
LIST_BYTES = 200  # of an image: its name, its label and what came of it
NOISE_KILOBYTES = 2048


def peak_kilobytes(program, image, count):
    """Largest resident memory of a batch, which must succeed."""
    with tempfile.TemporaryDirectory() as base:
        folder = os.path.join(base, "images")
        os.mkdir(folder)
        for i in range(count):
            os.symlink(image, os.path.join(folder, f"{i:06}.jpg"))
        process = subprocess.Popen([program, "batch", folder, "-o", os.path.join(base, "maps"),
                                    "-q"])
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"batch of {count} images failed")
    print(f"{count} images: at most {usage.ru_maxrss} kB resident", flush=True)
    return usage.ru_maxrss


def main():
    small_model.use()
    program, image = map(os.path.abspath, sys.argv[1:3])
    items = int(sys.argv[3]) if len(sys.argv) > 3 else 50000
    few, many = (peak_kilobytes(program, image, count) for count in (FEW, items))
    sys.exit(1 if many > few + NOISE_KILOBYTES + items * LIST_BYTES // 1024 else 0)


if __name__ == "__main__":
    main()
