"""The page of an image's hidden units: what is in it, and what it does in a browser. Where no Chromium is installed,
the part that drives one is left out and told. usage: check_neurons_page.py VITLRP DATA"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import browser  # noqa: E402
import small_model  # noqa: E402

PROGRAM, DATA = (os.path.abspath(path) for path in sys.argv[1:3])
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;.jpg"
LABEL = "</script><script>document.title='broken'</script>"
BLOCKS, TOP = (4, 1), 3


def run(*arguments):
    result = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert result.returncode == 0, (arguments, result.stderr)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Scratch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        small_model.use(backend="openblas")
        cls.scratch = tempfile.TemporaryDirectory()
        os.chdir(cls.scratch.name)
        os.mkdir("val")
        os.makedirs("pages/of it")
        for name in ("koala", "goldfish"):
            shutil.copy(os.path.join(DATA, f"{name}.jpg"), "val")
        shutil.copy(os.path.join(DATA, "koala.jpg"), HOSTILE)
        with open("labels.txt", "w", encoding="utf-8") as file:
            file.write("".join(f"{LABEL} {i}\n" for i in range(1000)))
        run("concepts", "val", "-o", "the index", "-q", "--gallery", "0", "--labels", "labels.txt")
        with open("the index/index.html", "w", encoding="utf-8") as file:
            file.write("a gallery")
        run("neurons", HOSTILE, "--labels", "labels.txt", "--concepts", "the index", "--blocks",
            ",".join(map(str, BLOCKS)), "--top", str(TOP), "-o", "pages/of it/hostile.html", "--json", "n.json")
        cls.page = read("pages/of it/hostile.html")
        cls.data = json.loads(re.search(r'id="data">(.*?)</script>', cls.page, re.DOTALL).group(1))
        with open("n.json", encoding="utf-8") as file:
            cls.units = [unit for block in json.load(file)["blocks"] for unit in block["units"]]

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.scratch.cleanup()


class Written(Scratch):
    def test_policy_has_the_hashes_of_what_is_written(self):
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', self.page).group(1)
        for element, name in (("script", "script-src"), ("style", "style-src")):
            [text] = re.findall(rf"<{element}>(.*?)</{element}>", self.page, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            self.assertIn(f"{name} 'sha256-{digest}'", policy)
        self.assertTrue(policy.startswith("default-src 'none';"), policy)
        self.assertNotIn("unsafe", policy)

    def test_nothing_hostile_and_nothing_from_elsewhere(self):
        self.assertEqual(len(re.findall(r"<script", self.page)), 2)
        self.assertNotIn("<img src=x", self.page)
        self.assertIn("&lt;script&gt;document", self.page)
        self.assertEqual(re.findall(r"https?:", self.page), [])
        self.assertEqual(set(re.findall(r'src="([^"]{5})', self.page)), {"data:"})

    def test_units(self):
        """Numbers are the record's; each unit leads to its place in the gallery."""
        self.assertEqual([unit["unit"] for unit in self.data["units"]], [unit["unit"] for unit in self.units])
        for shown, unit in zip(self.data["units"], self.units):
            for key in ("share", "drop", "first_order_drop"):
                self.assertAlmostEqual(shown[key], unit[key], places=6)
            self.assertAlmostEqual(sum(shown["map"]), unit["map_sum"], places=4)
            self.assertIn(f"<b>{unit['unit']}</b>", self.page)
        links = re.findall(r'<a href="([^"]*)"', self.page)
        self.assertEqual(links, [f"../../the%20index/index.html#{unit['unit']}" for unit in self.units])
        pictures = 2 + len(BLOCKS) * (1 + TOP) + sum(min(3, len(unit[kind])) for unit in self.units
                                                     for kind in ("most_relevant", "most_active"))
        self.assertEqual(self.page.count("<img"), pictures)

    def test_edits(self):
        """A page of an edited model says so, and what the model said before."""
        for verb in (["neurons", "--top", "1", "--blocks", "0"], ["explain"]):
            run(*verb, "val/koala.jpg", "--edit", "0:fc1:3=0", "--no-drops", "-o", "e.html")
            [told] = re.findall(r'<p class="notice">([^<]*)</p>', read("e.html"))
            self.assertRegex(told, r"^Hidden units of the model are edited: .* %, logit [0-9.]+ -&gt; [0-9.]+$")

    def test_heads(self):
        """Heads have a second picture; without an index nothing is linked, and the page is no less whole."""
        run("neurons", "val/koala.jpg", "--site", "head", "--top", "2", "--blocks", "0", "--no-drops", "-o", "h.html")
        page = read("h.html")
        self.assertEqual(page.count("<img"), 2 + 1 + 2 * 2)
        self.assertNotIn("<a ", page)
        self.assertFalse("<small>without it" in page)


@unittest.skipIf(browser.find() is None, "no Chromium is installed")
class Looked(Scratch):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = browser.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        super().tearDownClass()

    def open(self, width=1280, mobile=False):
        page = self.browser.open("pages/of it/hostile.html")
        page.size(width, 844, mobile)
        page.wait("document.body.classList.contains('live')")
        return page

    def chosen(self, page):
        return page.get("document.getElementById('chosen').textContent")

    def facts(self, page):
        return dict(page.get("[...document.querySelectorAll('#facts div')].map((row) =>"
                             "[row.children[0].textContent, row.children[1].textContent])"))

    def middle(self, page, selector):
        return page.get(f"(() => {{ const e = document.querySelector('{selector}');"
                        "e.scrollIntoView({block:'center'});"
                        "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")

    def picture(self, page):
        """A number that another picture does not have."""
        return page.get("(() => { const c = document.getElementById('map');"
                        "const rgba = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
                        "let sum = 0; for (let i = 0; i < rgba.length; i++) sum = (sum * 31 + rgba[i]) >>> 0;"
                        "return sum; })()")

    def test_pointer_and_keys(self):
        page = self.open()
        whole = self.picture(page)
        names = [unit["unit"] for unit in self.units]
        page.move(*self.middle(page, ".unit:nth-child(3) button"))
        self.assertIn(names[1], self.chosen(page))
        self.assertNotEqual(self.picture(page), whole)
        self.assertIn("logit", self.facts(page)["Without it"])
        page.move(1, 1)
        self.assertEqual(self.picture(page), whole)
        page.click(*self.middle(page, ".unit:nth-child(2) button"))
        page.move(1, 1)
        page.get("document.activeElement.blur()")
        self.assertEqual(self.chosen(page), names[0])
        page.get("document.querySelector('.unit button').focus()")
        page.press("ArrowRight")
        self.assertIn(names[1], self.chosen(page))
        page.press("ArrowDown")
        self.assertIn(names[TOP + 1], self.chosen(page))
        page.press("ArrowUp")
        page.press("Enter")
        self.assertEqual(page.get("document.querySelectorAll('[aria-pressed=true]').length"), 1)
        page.press("Escape")
        self.assertEqual(page.get("document.querySelectorAll('[aria-pressed=true]').length"), 0)
        self.assertEqual(page.complaints(), [])

    def test_patches(self):
        page = self.open()
        page.move(*self.middle(page, "#map"))
        [[name, value]] = self.facts(page).items()
        row, column = map(int, name.split()[1].split(","))
        wanted = self.data["whole"][row * self.data["grid"][1] + column]
        self.assertEqual(float(value.replace("\u2212", "-")), float(f"{wanted:.3g}"))

    def test_looks(self):
        """Nothing is wider than the window, and print has the still picture."""
        page = self.open(390, mobile=True)
        self.assertLessEqual(page.get("document.documentElement.scrollWidth"), 390)
        page.size(1280)
        self.assertLessEqual(page.get("document.documentElement.scrollWidth"), 1280)
        page.media("print")
        self.assertGreater(page.get("document.getElementById('still').getBoundingClientRect().height"), 50)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
