"""The page of an index of hidden units in a browser: widths, dark, print, keys, what is found, and the unit that an
address names. usage: check_gallery_page.py VITLRP LATENT; left out where there is no Chromium."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import browser  # noqa: E402

PROGRAM, LATENT = (os.path.abspath(path) for path in sys.argv[1:3])
MODEL = os.path.join(LATENT, "latent-vit")
LEFT_OUT = 77
HOSTILE = "<img src=x onerror=document.title='bad'>.png"


class Gallery(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        base = cls.scratch.name
        shutil.copytree(os.path.join(MODEL, "images"), os.path.join(base, "set"))
        os.rename(os.path.join(base, "set", "00.png"), os.path.join(base, "set", HOSTILE))
        subprocess.run([PROGRAM, "concepts", "set", "-o", "units", "--resize", "none", "--gallery", "3", "-q", "--model",
                        os.path.join(MODEL, "model.safetensors")], cwd=base, check=True, timeout=120)
        cls.file = os.path.join(base, "units", "index.html")
        cls.browser = browser.Browser()
        cls.page = cls.browser.open(cls.file)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.scratch.cleanup()

    def setUp(self):
        self.page.media(prefers_reduced_motion="reduce")
        self.page.size(1280)
        self.page.go(self.file)

    def get(self, code):
        return self.page.get(code)

    def shown(self):
        return self.get("[...document.querySelectorAll('article')].filter((one) => one.offsetHeight > 0)"
                        ".map((one) => one.id)")

    def search(self, text):
        self.get(f"search.value = {text!r}; search.dispatchEvent(new Event('input'))")

    def assert_fits(self):
        beyond = self.get("[document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll("
                          "'article, section, .row li')].map((box) => box.scrollWidth - box.clientWidth)]")
        self.assertGreater(len(beyond), 50)
        self.assertLessEqual(max(beyond), 0)

    def test_widths(self):
        for width, columns in ((1280, 9), (800, 5), (390, 3)):
            self.page.size(width)
            self.page.go(self.file)
            self.assert_fits()
            found = self.get("getComputedStyle(document.querySelector('.row')).gridTemplateColumns.split(' ').length")
            self.assertEqual(found, columns)
        self.assertEqual(self.page.complaints(), [])
        self.assertNotEqual(self.get("document.title"), "bad")

    def test_pictures(self):
        images = "[...document.querySelectorAll('.row img')]"
        self.assertEqual(self.get(f"{images}.length"), 9 * 2 * 9)
        self.assertEqual(self.get(f"{images}.filter((one) => !(one.complete && one.naturalWidth > 0)).length"), 0)
        self.assertEqual(self.get(f"{images}.filter((one) => one.alt === '').length"), 0)
        self.assertLessEqual(self.get(f"Math.max(...{images}.map((one) => Math.abs(one.width - one.height)))"), 1)

    def test_schemes(self):
        """Words are told from their ground, in both."""
        colour = "getComputedStyle(document.querySelector('article')).backgroundColor"
        grounds = []
        for scheme in ("light", "dark"):
            self.page.media("screen", prefers_color_scheme=scheme)
            self.page.go(self.file)
            grounds.append(self.get(colour))
            self.assertNotEqual(self.get(colour), self.get("getComputedStyle(document.body).color"))
        self.assertEqual(len(set(grounds)), 2)

    def test_search(self):
        everything = self.shown()
        self.assertEqual(len(everything), 9)
        self.assertEqual(self.get("count.textContent"), "9 of 9 units")
        self.search(everything[4])
        self.assertEqual(self.shown(), [everything[4]])
        self.search("no such class")
        self.assertEqual(self.shown(), [])
        self.search("")
        self.assertEqual(self.get("[...block.options].map((one) => one.value).join()"), ",2,1,0")
        self.get("block.value = '1'; block.dispatchEvent(new Event('change'))")
        self.assertEqual(self.shown(), everything[3:6])
        self.assertEqual(self.get("count.textContent"), "3 of 9 units")

    def test_address(self):
        """A unit of the page is shown, whatever was searched for; another one is said not to be here."""
        unit = self.shown()[7]
        top = "document.querySelector(':target').getBoundingClientRect().top"
        controls = "document.querySelector('form').getBoundingClientRect().bottom"
        for width in (1280, 390):
            self.page.size(width)
            self.page.go(self.file)
            self.search("no such class")
            self.get(f"location.hash = '#{unit}'")
            self.page.wait("document.querySelector(':target').offsetHeight > 0")
            self.page.wait(f"{top} < innerHeight / 2")
            self.assertGreater(self.get(top), self.get(controls))
            self.assertTrue(self.get("missing.hidden"))
        self.page.go(self.file, "#1:fc1:999")
        self.assertFalse(self.get("missing.hidden"))
        self.assertEqual(self.get("absent.textContent"), "1:fc1:999")

    def test_keys(self):
        units = self.shown()
        at = "document.activeElement.id"
        for key, unit in (("j", units[0]), ("j", units[1]), ("j", units[2]), ("k", units[1])):
            self.page.press(key)
            self.assertEqual(self.get(at), unit)
        self.page.press("/")
        self.assertEqual(self.get(at), "search")
        self.search("nothing")
        self.page.press("Escape")
        self.assertEqual(self.shown(), units)
        names = "[...document.querySelectorAll('input, select')].filter((one) => !one.getAttribute('aria-label'))"
        self.assertEqual(self.get(f"{names}.length"), 0)

    def test_print(self):
        self.page.size(718)
        self.page.media("print")
        self.page.go(self.file)
        self.assertEqual(self.get("getComputedStyle(document.querySelector('form')).display"), "none")
        self.assertEqual(len(self.shown()), 9)
        self.assert_fits()


if __name__ == "__main__":
    if browser.find() is None:
        print("there is no Chromium: skipped")
        sys.exit(LEFT_OUT)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
