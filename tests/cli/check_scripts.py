"""Labels in scripts that the built-in font lacks: drawn where a font has them, otherwise spelled out, never a box.
usage: check_scripts.py VITLRP DATA

The fonts are made here, and fontconfig is shown no others, so the machine's fonts do not matter."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import font_file  # noqa: E402
import small_model  # noqa: E402

small_model.use(backend="openblas")
PROGRAM, DATA = (os.path.abspath(path) for path in sys.argv[1:3])
LABELS = {
    "Arabic": "\u0643\u0648\u0627\u0644\u0627", "Devanagari": "\u0915\u094b\u0906\u0932\u093e",
    "Thai": "\u0e42\u0e04\u0e2d\u0e32", "CJK": "\u8003\u62c9", "emoji": "\U0001f428",
    "joined emoji": "\U0001f469\u200d\U0001f52c", "combining marks": "koa\u0301la\u0323",
    "Polish": "\u017c\u00f3\u0142w",
}
ASCII = set(range(0x20, 0x7F))
EVERY = ASCII.union(*({ord(mark) for mark in label} for label in LABELS.values()))
LATIN = "caf\u00e9 \u2013 plain"


def spelled(label, kept=""):
    """The label as it is drawn without a font; `kept` are the characters that there is a font for."""
    def one(mark):
        code = ord(mark)
        if code < 0x100 or mark in kept:
            return mark
        return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
    return "".join(map(one, label))


class Scripts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = scratch.name
        cls.none = font_file.environment(cls.folder, "none", {})
        cls.all = font_file.environment(cls.folder, "all", {"Squares": EVERY})
        some = EVERY - {0x62C9, 0x0323, 0x1F52C}
        cls.some = font_file.environment(cls.folder, "some", {"Squares": some})
        said = subprocess.run([PROGRAM, "-vV"], stdout=subprocess.PIPE, text=True, check=True).stdout
        cls.has_pango = "Pango" in said
        listed = subprocess.run([PROGRAM, "info", "--classes"], stdout=subprocess.PIPE, text=True, check=True).stdout
        cls.indices = re.findall(r"^ *\d+ +(\d+) +n\d{8} ", listed, re.MULTILINE)

    def draw(self, labels, environment):
        """The pictures of classes with these names."""
        names = [*labels, *(f"other {i}" for i in range(len(labels), len(self.indices)))]
        with open(os.path.join(self.folder, "labels.txt"), "w", encoding="utf-8") as file:
            file.writelines(f"{index}\tn{index:0>8}\t{name}\n" for index, name in zip(self.indices, names))
        classes = self.indices[:len(labels)]
        result = subprocess.run([PROGRAM, os.path.join(DATA, "goldfish.jpg"), "-c", ",".join(classes), "--labels", "labels.txt",
                                 "-o", "{class}.png", "-q"], cwd=self.folder, env=environment, stderr=subprocess.PIPE,
                                check=False)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        pictures = []
        for index in classes:
            with open(os.path.join(self.folder, f"{index}.png"), "rb") as file:
                pictures.append(file.read())
        return pictures

    def assert_pictures(self, got, wanted, equal):
        for name, one, other in zip(LABELS, got, wanted):
            with self.subTest(name):
                self.assertTrue((one == other) == equal)  # assertEqual would search pictures for differences

    def test_labels(self):
        labels = [*LABELS.values(), LATIN]
        plain = self.draw([*map(spelled, LABELS.values()), LATIN], self.none)
        none = self.draw(labels, self.none)
        every = self.draw(labels, self.all)
        self.assert_pictures(none, plain, True)
        self.assert_pictures(every, plain, not self.has_pango)
        self.assertTrue(none[-1] == every[-1] == plain[-1], "the built-in font draws what it has")

    def test_clusters(self):
        """What no font has is spelled out, and the rest of the label is drawn."""
        labels = [LABELS["CJK"], LABELS["combining marks"], LABELS["joined emoji"]]
        wanted = [spelled(labels[0], "\u8003"), spelled(labels[1], "\u0301"), spelled(labels[2], "\U0001f469\u200d")]
        got = self.draw(labels, self.some)
        self.assert_pictures(got, self.draw(wanted, self.some if self.has_pango else self.none), True)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
