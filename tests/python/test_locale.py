"""A program in another locale: decimal commas, a point between thousands, and an "I" that is no capital of "i".
What the library writes and reads is the same. The locale is made here, so that none need be installed."""

import locale
import os
import shutil
import subprocess
import unittest

import support
import vitlrp
from vitlrp import errors

LETTERS = [chr(code) for code in range(ord("A"), ord("Z") + 1)]


def characters(text):
    return ";".join(f"<U{ord(letter):04X}>" for letter in text)


def pairs(capital_first):
    found = [(letter, letter.lower()) for letter in LETTERS if letter != "I"]
    return ";".join(f"({characters(pair[not capital_first])},{characters(pair[capital_first])})" for pair in found)


SOURCE = f"""comment_char %
escape_char /
LC_CTYPE
upper {characters(LETTERS)}
lower {characters("".join(LETTERS).lower())}
space {characters(chr(9) + chr(10) + chr(11) + chr(12) + chr(13) + " ")}
digit {characters("0123456789")}
toupper {pairs(False)}
tolower {pairs(True)}
END LC_CTYPE
LC_NUMERIC
decimal_point "{characters(",")}"
thousands_sep "{characters(".")}"
grouping 3;3
END LC_NUMERIC
"""


# ASCII: systems without the package locales have localedef, and no character set for it.
CODES = "\n".join(f"<U{code:04X}> /x{code:02x} <U{code:04X}>" for code in range(128))
CHARACTERS = f"""<code_set_name> ANSI_X3.4-1968
<comment_char> %
<escape_char> /
<mb_cur_min> 1
<mb_cur_max> 1
CHARMAP
{CODES}
END CHARMAP
"""


def make(folder):
    """The locale "foreign" below the folder. localedef complains of what is left out, and writes it all the same."""
    path = os.path.join(folder, "foreign.source")
    characters_path = os.path.join(folder, "foreign.characters")
    for name, text in ((path, SOURCE), (characters_path, CHARACTERS)):
        with open(name, "w", encoding="ascii") as file:
            file.write(text)
    subprocess.run(
        ["localedef", "-c", "-i", path, "-f", characters_path, os.path.join(folder, "foreign")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    os.environ["LOCPATH"] = folder


@unittest.skipIf(shutil.which("localedef") is None, "localedef is not installed")
class Foreign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(support.scratch())
        make(cls.folder)
        cls.model = support.parity_model()
        cls.addClassCleanup(cls.model.close)

    def same(self, work):
        """What the work returns, which is no other in the foreign locale."""
        wanted = work()
        locale.setlocale(locale.LC_ALL, "foreign")
        try:
            self.assertEqual(locale.localeconv()["decimal_point"], ",")
            found = work()
        finally:
            locale.setlocale(locale.LC_ALL, "C")
        self.assertEqual(found, wanted)
        return found

    def test_pictures(self):
        explained = self.model.explain(support.GOLDFISH)
        for work in (
            lambda: explained.encode("svg"),
            lambda: explained.caption.encode(),
            lambda: explained.encode("png", style="panel"),
        ):
            with self.subTest(work()[:20]):
                self.same(work)

    def test_records(self):
        self.same(lambda: self.model.configuration())
        edited = self.model.edited({"1:fc1:3": 0.5})
        self.addCleanup(edited.close)
        self.same(lambda: edited.configuration())
        self.same(lambda: edited.explain(support.GOLDFISH).caption)
        self.same(lambda: self.model.facts)

    def test_evaluation(self):
        found = self.model.evaluate(support.DATA, ["attnlrp", "random"], steps=3, limit=2)
        for report in (found.json, found.csv, found.html):
            self.same(report)
        self.same(lambda: len(vitlrp.Evaluation.read(found.json().encode()).json()))

    def test_words_of_files(self):
        """Endings and columns in capitals with an I."""
        images = os.path.join(self.folder, "images")
        os.mkdir(images)
        shutil.copy(support.GOLDFISH, images)
        shutil.copy(support.KOALA, os.path.join(images, "KOALA.GIF"))
        boxes = os.path.join(self.folder, "boxes.csv")
        with open(boxes, "w", encoding="ascii") as file:
            file.write("IMAGE,XMIN,YMIN,XMAX,YMAX\ngoldfish.jpg,1,1,99,99\n")
        self.same(lambda: self.model.evaluate(images, ["attnlrp"], steps=3, boxes=boxes).csv())

    def test_messages(self):
        def refuse():
            with self.assertRaises(errors.VitlrpError) as caught:
                vitlrp.Model("/nowhere.pth")
            return str(caught.exception)

        self.assertIn("No such file", self.same(refuse))


if __name__ == "__main__":
    unittest.main()
