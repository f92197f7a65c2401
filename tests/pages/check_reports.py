"""The pages of eval and batch in a browser: widths, print, keys, and what can be chosen. One start of the browser for
all. usage: check_reports.py VITLRP DATA MODEL; left out where there is no Chromium."""

import itertools
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import browser  # noqa: E402

PROGRAM, DATA, MODEL = (os.path.abspath(path) for path in sys.argv[1:4])
LEFT_OUT = 77
CLASSES = ("n01443537", "n02123045") # the second photograph is called a cat: its label is wrong
HOSTILE = "<img src=x onerror=document.title='bad'>.jpg"
MAPS = "chefer,rollout"


def program(*arguments, cwd, code=0):
    result = subprocess.run([PROGRAM, *arguments, "--model", MODEL], cwd=cwd, capture_output=True, timeout=120,
                            check=False)
    if result.returncode != code:
        raise AssertionError(f"{arguments}: {result.returncode}\n{result.stderr.decode()}")


def seen_without_green(hue):
    """A colour "#rrggbb" as a deuteranope sees it (Machado et al. 2009), in CIELAB."""
    srgb = [int(hue[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in srgb]
    rows = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
    red, green, blue = (min(max(sum(a * b for a, b in zip(row, linear)), 0), 1) for row in rows)
    white = ((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505, 0.2126 * red + 0.7152 * green + 0.0722 * blue,
             (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089)
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in white)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


class Reports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        base = cls.scratch.name
        for place, name in ((CLASSES[0], HOSTILE), (CLASSES[0], "b.jpg"), (CLASSES[1], "c.jpg")):
            os.makedirs(os.path.join(base, "ds", place), exist_ok=True)
            shutil.copy(os.path.join(DATA, "goldfish.jpg"), os.path.join(base, "ds", place, name))
        program("eval", "ds", "--methods", MAPS, "--steps", "4", "--replace", "zero,noise", "--html", "e.html", "-q",
                cwd=base)
        with open(os.path.join(base, "ds", CLASSES[1], "bad.jpg"), "wb") as file:
            file.write(b"bad")
        program("batch", "ds", "-o", "maps", "--method", "chefer", "-q", cwd=base, code=1)
        cls.report = os.path.join(base, "e.html")
        cls.sheet = os.path.join(base, "maps", "index.html")
        cls.browser = browser.Browser()
        cls.page = cls.browser.open(cls.report)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.scratch.cleanup()

    def setUp(self):
        self.page.media()
        self.page.size(1280)

    def run_code(self, code):
        return self.page.get(code)

    def assert_fits(self, selector):
        """Nothing of the page lies beyond the window, and nothing in the elements beyond their edges."""
        code = """[document.documentElement.scrollWidth - innerWidth,
                   ...[...document.querySelectorAll(%r)].map((box) => box.scrollWidth - box.clientWidth)]"""
        found = self.run_code(code % selector)
        self.assertGreater(len(found), 1)
        self.assertLessEqual(max(found), 0, selector)

    def assert_quiet(self):
        self.assertEqual(self.page.complaints(), [])
        self.assertNotEqual(self.run_code("document.title"), "bad")

    # ---- The page of an evaluation ----

    def test_report_widths(self):
        for width in (1280, 390):
            self.page.size(width)
            self.page.go(self.report)
            self.assert_fits("#results .scroll")
        self.assertEqual(self.run_code("getComputedStyle(document.querySelector('.cards thead')).display"), "none")
        self.assertIsNone(self.run_code("document.querySelector('.more')")) # two methods are all seen
        self.assertEqual(self.run_code("document.querySelectorAll('img:not([alt]), img[alt=\"\"]').length"), 0)
        self.assert_quiet()

    def test_report_of_many(self):
        """Beside an interval, the longest name of a column fits on a phone; a test has its p."""
        base = self.scratch.name
        for i in range(20):
            os.makedirs(os.path.join(base, "many"), exist_ok=True)
            shutil.copy(os.path.join(DATA, "goldfish.jpg"), os.path.join(base, "many", f"{i}.jpg"))
        program("eval", "many", "--methods", MAPS + ",random", "--steps", "2", "--html", "many.html", "-q", cwd=base)
        self.page.size(390)
        self.page.go(os.path.join(base, "many.html"))
        self.assert_fits("#results .scroll, #results td, #standing td")
        rights = "[...document.querySelectorAll('.cards td small')].map((one) => one.getBoundingClientRect().right)"
        self.assertLess(max(self.run_code(rights)) - min(self.run_code(rights)), 1)
        longest = "[...document.querySelectorAll('[data-of=Comprehensiveness]')].map((one) => one.innerText)"
        self.assertRegex(self.run_code(longest)[0], r" to [\d.]+$")
        self.assertEqual(self.run_code("getComputedStyle(document.querySelector('.more')).display"), "block")
        told = self.run_code("document.querySelector('#standing').innerText")
        self.assertIn("Student", told)
        weight = "getComputedStyle(document.querySelector('.ahead, .behind')).fontWeight" # not by their hue alone
        self.assertEqual(self.run_code(weight), "650")
        self.assertIn("Difference of \u0394", self.run_code("document.querySelector('#standing td').dataset.of"))

    def test_hues_without_green(self):
        """Curves of one kind of line can be told apart by a deuteranope: colours 25 of CIELAB from each other."""
        for scheme in ("light", "dark"):
            self.page.media("screen", prefers_color_scheme=scheme)
            self.page.go(self.report)
            hues = self.run_code("[0,1,2,3,4,5,6,7].map((i) => getComputedStyle(document.body)"
                                 ".getPropertyValue('--h' + i).trim())")
            for kind in (hues[:4], hues[4:]):
                seen = [seen_without_green(hue) for hue in kind]
                self.assertGreater(min(math.dist(a, b) for a, b in itertools.combinations(seen, 2)), 25, kind)

    def test_report_of_one_method(self):
        """Nothing is compared where there is nothing to compare with."""
        base = self.scratch.name
        program("eval", "ds/" + CLASSES[0], "--methods", "chefer", "--steps", "2", "--replace", "zero,black", "--html",
                "one.html", "-q", cwd=base)
        self.page.size(390)
        self.page.go(os.path.join(base, "one.html"))
        told = self.run_code("document.body.innerText")
        self.assertRegex(told, r"\nUnder zero, the model\u2019s logit falls")
        for words in ("best ranks", "Agreement of the rankings", "scroll sideways"):
            self.assertNotIn(words, told)

    def test_report_print(self):
        self.page.size(718) # A4 less its margins
        self.page.media("print")
        self.page.go(self.report)
        self.assert_fits("#results .scroll, #gallery .scroll")
        self.assertIn("avoid", self.run_code("getComputedStyle(document.querySelector('#curves')).breakInside"))
        self.assertEqual(self.run_code("getComputedStyle(document.querySelector('h2')).breakAfter"), "avoid")

    def test_report_keys(self):
        self.page.go(self.report)
        self.run_code("document.querySelector('.legend:not(.choice) input').focus()")
        self.page.press("ArrowRight")
        opacity = "[...document.querySelector('.frame').querySelectorAll('.curve')]" \
                  ".map((curve) => getComputedStyle(curve).opacity)"
        self.run_code("document.querySelectorAll('.curve').forEach((curve) => curve.style.transition = 'none')")
        self.assertEqual(sorted(self.run_code(opacity)), ["0.15", "1"])
        self.run_code("document.querySelector('.places input').focus()")
        for _ in range(2):
            self.page.press("ArrowRight")
        told = "[...document.querySelectorAll('.tip')].filter((tip) => getComputedStyle(tip).display !== 'none')" \
               ".map((tip) => tip.textContent)"
        value, = self.run_code(told)
        self.assertRegex(value, r"^50 % replaced (chefer|rollout) -?[−\d.]+ (chefer|rollout) [−\d.]+$")
        row = "document.querySelector('.values').rows[3].textContent"
        self.assertIn(value.split()[4], self.run_code(row))

    def displays(self, selector):
        return self.run_code(f"[...document.querySelectorAll('{selector}')].map((one) => getComputedStyle(one).display)")

    def test_report_replacements(self):
        """A section shows what is under the replacement that is chosen there, on paper too."""
        self.page.go(self.report)
        for selector, shown in (("#delta .forest", "grid"), ("#curves .plots", "grid"),
                                ("#gallery tbody td:nth-child(2) small", "block")):
            section = selector.split()[0]
            count = len(self.displays(selector)) // 2
            self.assertGreater(count, 0)
            self.assertEqual(self.displays(selector), [shown, "none"] * count)
            self.run_code(f"document.querySelector('{section} .choice input').focus()")
            self.page.press("ArrowRight")
            self.assertEqual(self.displays(selector), ["none", shown] * count)
        best = "document.querySelectorAll('.best1 .tile')"
        self.assertEqual(self.run_code(f"{best}.length"), 3)
        self.assertEqual(self.run_code(f"[...{best}].filter((tile) => getComputedStyle(tile).outlineStyle !== 'solid')"
                                       ".length"), 0)
        self.page.media("print")
        self.assertEqual(self.displays("#curves .choice label"), ["none", "block"])
        self.assertEqual(self.displays("#curves .choice legend"), ["block"])

    def test_report_enlarges(self):
        self.page.go(self.report)
        self.run_code("document.querySelector('.gallery td .open').focus()")
        before = self.run_code("document.querySelector('.gallery td img').clientWidth")
        self.page.press("Enter")
        self.assertGreater(self.run_code("document.querySelector('.gallery td img').clientWidth"), 3 * before)
        self.run_code("document.querySelector('.view:target .shut').click()")
        self.assertEqual(self.run_code("document.querySelector('.gallery td img').clientWidth"), before)

    def test_report_of_boxes(self):
        """Images are sorted by the relevance outside of their boxes, and lead to their row of the gallery."""
        base = self.scratch.name
        os.makedirs(os.path.join(base, "boxed"), exist_ok=True)
        with open(os.path.join(base, "boxes.csv"), "w", encoding="utf-8") as file:
            file.write("path,xmin,ymin,xmax,ymax\n")
            for name, side in (("whole.jpg", 99999), ("half.jpg", 150), ("corner.jpg", 30)):
                shutil.copy(os.path.join(DATA, "goldfish.jpg"), os.path.join(base, "boxed", name))
                file.write(f"{name},0,0,{side},{side}\n")
        program("eval", "boxed", "--methods", MAPS, "--steps", "2", "--boxes", "boxes.csv", "--html", "boxed.html", "-q",
                cwd=base)
        self.page.media(prefers_reduced_motion="reduce")  # two scrolls at once would be a matter of chance
        self.page.size(1280)
        self.page.go(os.path.join(base, "boxed.html"))
        rows = "[...[...document.querySelectorAll('#odd .panel')].find((one) => one.querySelector('h3').textContent" \
               " === 'Looked beside the box').querySelectorAll('li')]"
        listed = [row.split(": ") for row in self.run_code(f"{rows}.map((row) => row.textContent)")]
        self.assertEqual([name.split("/")[-1] for name, _ in listed], ["corner.jpg", "half.jpg", "whole.jpg"])
        shares = [float(row.split()[0]) for _, row in listed]
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertEqual((shares[0] > 0.5, shares[2]), (True, 0.0))
        self.run_code(f"{rows}[1].querySelector('a').focus()")
        self.page.press("Enter")
        self.page.wait("document.querySelector(':target') !== null")
        self.assertIn("half.jpg", self.run_code("document.querySelector(':target').textContent"))
        top = "document.querySelector(':target').getBoundingClientRect().top"
        self.page.wait(f"0 <= {top} && {top} < innerHeight")
        self.assert_quiet()

    # ---- The contact sheet ----

    def choose(self, control, value):
        self.run_code(f"(() => {{ const box = document.getElementById({control!r}); box.value = {value!r};"
                      "box.dispatchEvent(new Event(box.id === 'search' ? 'input' : 'change')); })()")

    def tiles(self):
        return self.run_code("[...document.querySelectorAll('.tile')].map((tile) => tile.textContent)")

    def sources(self):
        return self.run_code("[...document.querySelectorAll('.tile img')].map((image) => image.getAttribute('src'))")

    def test_sheet_shows(self):
        self.page.go(self.sheet)
        tiles = self.tiles()
        self.assertEqual(len(tiles), 4)
        self.assertIn("not a JPEG", next(tile for tile in tiles if "bad.jpg" in tile))
        key = self.run_code("document.querySelector('header .key').textContent")
        self.assertEqual(key, "From dark to light is less to more. Hatched: not seen by the model.")
        self.assertIn("label: the same", next(tile for tile in tiles if "b.jpg" in tile))
        self.assertRegex(next(tile for tile in tiles if "c.jpg" in tile), "✗ .*label: tabby")
        self.assertTrue(all(source.endswith(".thumb.jpg") for source in self.sources()))
        self.assertEqual(self.run_code("Promise.all([...document.images].filter((image) => image.src)"
                                       ".map((image) => image.decode())).then((all) => all.length)"), 3)
        self.assert_quiet()

    def test_sheet_chooses(self):
        self.page.go(self.sheet)
        self.choose("order", "sure")
        self.assertIn("c.jpg", self.tiles()[0])
        self.choose("state", "wrong")
        self.choose("show", "photo")
        self.assertEqual(len(self.tiles()), 1)
        self.assertTrue(self.sources()[0].endswith(".photo.jpg"))
        kept = self.run_code("location.hash")
        self.assertEqual(kept, "#state=wrong&order=sure&show=photo")
        self.page.go(self.sheet, kept)
        self.assertEqual((len(self.tiles()), self.sources()[0].endswith(".photo.jpg")), (1, True))
        self.choose("state", "")
        self.choose("search", "img src")
        self.assertEqual(len(self.tiles()), 1)
        self.choose("search", "")
        self.choose("show", "means")
        self.assertIn("mean of 3 maps", self.tiles()[0])
        self.run_code("document.querySelector('.tile').click()")
        self.assertEqual(len(self.tiles()), 3)
        self.assertRegex(self.run_code("location.hash"), r"class=\d+")

    def test_sheet_keys(self):
        self.page.go(self.sheet)
        self.run_code("document.querySelectorAll('.tile')[0].focus()")
        self.page.press("Tab")
        self.page.press("Enter")
        shown = "[document.querySelector('dialog').open, document.querySelector('dialog p').textContent," \
                " document.querySelector('dialog img').getAttribute('src')]"
        first = self.run_code(shown)
        self.assertTrue(first[0])
        self.page.press("ArrowLeft")
        self.assertNotEqual(self.run_code(shown)[1], first[1])
        self.run_code("document.getElementById('swap').click()")
        self.assertTrue(self.run_code(shown)[2].endswith(".photo.jpg"))
        self.page.press("Escape")
        self.assertFalse(self.run_code(shown)[0])

    def test_sheet_widths(self):
        for width in (1280, 390):
            self.page.size(width)
            self.page.go(self.sheet)
            self.assert_fits("main, header")
        rows = "new Set([...document.querySelectorAll('select')].map((one) => one.offsetTop)).size"
        self.assertEqual(self.run_code(rows), 3)
        self.page.size(718)
        self.page.media("print")
        self.page.go(self.sheet)
        self.assert_fits("main")
        self.assertEqual(self.run_code("getComputedStyle(document.querySelector('form')).display"), "none")


if __name__ == "__main__":
    if browser.find() is None:
        print("left out: no Chromium")
        sys.exit(LEFT_OUT)
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
