"""The page for one image: what is in it, and what it does in a browser. Where no Chromium is installed, the part that
drives one is left out and told. usage: check_image_page.py VITLRP DATA"""

import base64
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import browser  # noqa: E402
import records  # noqa: E402
import small_model  # noqa: E402

PROGRAM, DATA = (os.path.abspath(path) for path in sys.argv[1:3])
WORDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "words")
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;.jpg"
LABEL = "</script><script>document.title='broken'</script>"


def run(*arguments, code=0):
    result = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    assert result.returncode == code, (arguments, result.stderr)
    return result.stdout + result.stderr


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL).group(1))


def read_npy(path):
    with open(path, "rb") as file:
        content = file.read()
    begin = 10 + struct.unpack("<H", content[8:10])[0]
    return list(struct.unpack(f"<{(len(content) - begin) // 4}f", content[begin:]))


def read_png(path):
    """(width, height, rows of RGB bytes) of the program's own pictures."""
    with open(path, "rb") as file:
        content = file.read()
    place, packed = 8, b""
    while place < len(content):
        size, kind = struct.unpack(">I4s", content[place:place + 8])
        body = content[place + 8:place + 8 + size]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            assert (depth, color) == (8, 2)
        packed += body if kind == b"IDAT" else b""
        place += 12 + size
    raw, rows, before = zlib.decompress(packed), [], bytes(3 * width)
    for y in range(height):
        line = raw[y * (3 * width + 1):(y + 1) * (3 * width + 1)]
        row = bytearray(line[1:])
        for i in range(len(row)):
            left = row[i - 3] if i >= 3 else 0
            corner = before[i - 3] if i >= 3 else 0
            up = before[i]
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda value: abs(guess - value))
            row[i] = row[i] + (0, left, up, (left + up) // 2, nearest)[line[0]] & 255
        before = bytes(row)
        rows.append(before)
    return width, height, rows


class Scratch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        small_model.use(backend="openblas")
        cls.scratch = tempfile.TemporaryDirectory()
        os.chdir(cls.scratch.name)
        shutil.copy(os.path.join(DATA, "koala.jpg"), HOSTILE)
        with open("labels.txt", "w", encoding="utf-8") as file:
            file.write("".join(f"{LABEL} {i}\n" for i in range(1000)))
        cls.said = run(HOSTILE, "--labels", "labels.txt", "-o", "hostile.html", "--raw", "map.npy", "-c", "1",
                       "--logits", "logits.npy", "--methods", "attnlrp,rollout")
        cls.page = read("hostile.html")
        cls.data = data_of(cls.page)
        run(os.path.join(DATA, "koala.jpg"), "-o", "koala.html", "--no-drops")

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.scratch.cleanup()


class Written(Scratch):
    def test_policy_has_the_hashes_of_what_is_written(self):
        for page in (self.page, read("koala.html")):
            policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
            for element, name in (("script", "script-src"), ("style", "style-src")):
                [text] = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
                digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
                self.assertIn(f"{name} 'sha256-{digest}'", policy)
            self.assertTrue(policy.startswith("default-src 'none';"), policy)
            self.assertNotIn("unsafe", policy)

    def test_nothing_hostile_and_nothing_from_elsewhere(self):
        outside = self.page.replace("data:image/jpeg", "")
        self.assertEqual(len(re.findall(r"<script", self.page)), 2)
        self.assertNotIn("<img src=x", self.page)
        self.assertNotIn("<script>document", self.page)
        self.assertIn("&lt;script&gt;document", self.page)
        self.assertEqual(re.findall(r"(?:src|href)=\"(?!\")[^\"]", outside), re.findall(r"src=\";", outside))
        self.assertEqual(re.findall(r"https?:", outside), [])
        self.assertEqual(re.findall(r"<img (?![^>]*\balt=)", self.page), [])

    def test_data(self):
        self.assertEqual(records.check(self.data), [])
        self.assertEqual(records.check(data_of(read("koala.html"))), [])
        self.assertIsNone(data_of(read("koala.html"))["removal"])
        self.assertEqual(self.data["image"], HOSTILE)
        first = self.data["maps"][0]
        for mine, written in zip(first["values"], read_npy("map.npy")):
            self.assertAlmostEqual(mine, written, delta=1e-6 * abs(written))
        self.assertAlmostEqual(self.data["classes"][0]["logit"], read_npy("logits.npy")[0], places=5)
        self.assertEqual(len(self.data["maps"]), 2 * len(self.data["targets"]))

    def test_predicted_stands_beside_what_was_named(self):
        named, predicted = self.data["classes"]
        self.assertEqual([named["named"], named["predicted"]], [True, False])
        self.assertEqual([predicted["named"], predicted["predicted"]], [False, True])
        self.assertEqual(self.data["targets"], [{"class": 0, "versus": None}, {"class": 1, "versus": None},
                                                {"class": 1, "versus": 0}])
        self.assertRegex(self.page, "Difference: .*? less ")

    def test_forward_passes_are_counted_and_said(self):
        removal = self.data["removal"]
        patches = self.data["grid"][0] * self.data["grid"][1]
        self.assertEqual(removal["forwards"], patches + sum(one["forwards"] for one in removal["sets"]))
        self.assertIn(f"{removal['forwards']} forward passes", self.page)
        self.assertIn(f"{removal['forwards']} forward passes", self.said)
        self.assertIn("replaced by 0 after normalisation", self.page)
        self.assertIn("not the smallest", self.page)
        for one in removal["sets"]:
            named = self.data["classes"][self.data["targets"][one["target"]]["class"]]["title"]
            if one["found"]:
                self.assertEqual(removal["names"][one["top"]] == named, one["goal"] == "suffices")

    def test_size_is_the_photographs(self):
        """Also where less is drawn: what the console and the record state."""
        koala = os.path.join(DATA, "koala.jpg")
        self.assertIn("600 x 800, jpeg, drawn as 48 x 64",
                      run(koala, "-o", "small.html", "--no-drops", "--max-side", "64"))
        self.assertIn(", 600 × 800; ", read("small.html"))

    def test_words(self):
        """The words of texts, whose markup and direction stay their own; and words as classes."""
        model = os.path.join(WORDS, "clip-quickgelu", "huggingface")
        koala = os.path.join(DATA, "koala.jpg")
        texts = ["--text", "a red <b>", "--text", "\u062d\u0627\u0641\u0644\u0629 bus"]
        said = run(koala, "-m", model, *texts, "--class", "0,1", "--words", "-o", "words.html")
        page = read("words.html")
        shown = page[page.index('id="words"'):page.index("<h2>Without patches")]
        self.assertIn("<h3><bdi>a red &lt;b&gt;</bdi></h3>", shown)
        self.assertEqual(re.findall(r"<li class=\"(?:for|against)[0-4]\"><bdi>(.*?)</bdi> <small>", shown),
                         ["[start]", "a", "red", "&lt;", "b", "&gt;", "[end]",
                          "[start]", "\u062d\u0627\u0641\u0644\u0629", "bus", "[end]"])
        self.assertEqual(re.findall(r"words (\S+) \+ absorbed (\S+)\.<", shown),
                         re.findall(r"words (\S+) \+ absorbed (\S+) \(attnlrp", said))
        self.assertEqual(records.check(data_of(page)), [])
        self.assertNotIn('id="words"', self.page)
        run(koala, "-m", model, *texts[:2], "--word", "red,[rest]", "-o", "word.html", "--no-drops")
        page = read("word.html")
        self.assertEqual([(one["title"], one["predicted"], one["probability"]) for one in data_of(page)["classes"]],
                         [("red (2)", False, None), ("[rest] (7)", False, None)])
        self.assertEqual(len(data_of(page)["targets"]), 2)
        self.assertIn("; words of the text <b>a red &lt;b&gt;</b>", page)

    def test_refused(self):
        koala = os.path.join(DATA, "koala.jpg")
        for arguments, words in ((["--no-drops"], "is for a page"), (["--methods", "attnlrp"], "is for a page"),
                                 (["-o", "x.html", "--style", "heat"], "not for a page"),
                                 (["-o", "x.html", "-c", "top:20"], "at most"),
                                 (["-o", "x.html", "--level", "pixel"], "shows patches"),
                                 (["-o", "x.html", "--methods", "attnlrp,attnlrp"], "twice")):
            self.assertIn(words, run(koala, *arguments, code=2))
        self.assertFalse(os.path.exists("x.html"))


@unittest.skipIf(browser.find() is None, "Chromium is not installed: nobody drives the page")
class Driven(Scratch):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    def open(self, name, width=1280, height=900, mobile=False):
        page = self.browser.open(name)
        page.size(width, height, mobile)
        page.wait("document.documentElement.classList.contains('live')")
        return page

    def facts(self, page):
        rows = page.get("[...document.querySelectorAll('#facts div')].map((row) => [...row.children]"
                        ".map((cell) => cell.textContent))")
        return dict(rows)

    def place(self, page, row, column):
        """The middle of a patch in the window."""
        box = page.get("(() => { const b = document.getElementById('map').getBoundingClientRect();"
                       "return [b.left, b.top, b.width, b.height]; })()")
        (left, top, width, height), picture = self.data["seen"], self.data["picture"]
        rows, columns = self.data["grid"]
        return (box[0] + (left + (column + 0.5) * width / columns) / picture[0] * box[2],
                box[1] + (top + (row + 0.5) * height / rows) / picture[1] * box[3])

    def test_page(self):
        page = self.open("hostile.html")
        self.pointer(page)
        self.keyboard(page)
        self.switches(page)
        self.sets(page)
        self.looks(page)
        self.assertNotEqual(page.get("document.title"), "broken")
        self.assertEqual(page.complaints(), [])

    def pointer(self, page):
        rows, columns = self.data["grid"]
        values = self.data["maps"][0]["values"]
        patch = 2 * columns + 3
        page.move(*self.place(page, 2, 3))
        told = self.facts(page)
        self.assertEqual(told["Patch"], "row 3, column 4")
        rank = sorted(range(rows * columns), key=lambda i: (-values[i], i)).index(patch) + 1
        self.assertEqual(told["Rank"], f"{rank} of {rows * columns}")
        self.assertNotIn("Without it", told)
        page.click(*self.place(page, 2, 3))
        told = self.facts(page)
        logit = self.data["removal"]["single"]["logits"][0][patch]
        self.assertIn(f"{logit:.3g}".replace("-", "\u2212").rstrip("0"), told["Without it"])
        page.click(*self.place(page, 2, 3))
        self.assertNotIn("Without it", self.facts(page))
        column = page.get("[...document.getElementById('top').tBodies[0].rows].map((row) => row.cells[4].textContent)")
        self.assertEqual(len({len(text.partition(".")[2]) for text in column}), 1, column)

    def keyboard(self, page):
        columns = self.data["grid"][1]
        page.move(5, 5)
        page.get("document.getElementById('map').focus()")
        page.press("Home")
        order = sorted(range(len(self.data["maps"][0]["values"])), key=lambda i: (-self.data["maps"][0]["values"][i], i))
        row, column = divmod(order[0], columns)
        self.assertEqual(self.facts(page)["Patch"], f"row {row + 1}, column {column + 1}")
        page.press("PageDown")
        self.assertRegex(self.facts(page)["Rank"], "^2 of ")
        page.press("ArrowUp" if order[1] >= columns else "ArrowDown")
        page.press("Enter")
        self.assertIn("Without it", self.facts(page))
        self.assertIn("Without it", page.get("document.getElementById('said').textContent"))
        page.press("Escape")
        self.assertEqual(self.facts(page), {})

    def choose(self, page, control, value):
        page.get(f"(() => {{ const c = document.getElementById('{control}'); c.value = '{value}';"
                 "c.dispatchEvent(new Event(c.type === 'range' ? 'input' : 'change')); })()")

    def of_pixels(self, page, body):
        """What JavaScript makes of the canvas: rgba is its pixels, width its width."""
        return page.get("(() => { const c = document.getElementById('map'), width = c.width;"
                        f"const rgba = c.getContext('2d').getImageData(0, 0, width, c.height).data; {body} }})()")

    def picture(self, page):
        """A number that another picture does not have."""
        return self.of_pixels(page, "let sum = 0; for (let i = 0; i < rgba.length; i++)"
                                    " sum = (sum * 31 + rgba[i]) >>> 0; return sum;")

    def switches(self, page):
        before = self.picture(page)
        self.choose(page, "opacity", 0)
        self.assertNotEqual(self.picture(page), before)
        _, top, _, height = self.data["seen"]
        colour = self.of_pixels(page, f"let most = 0; for (let i = {int(top) + 2} * 4 * width; i < "
                                      f"{int(top + height) - 2} * 4 * width; i += 4)"
                                      " most = Math.max(most, Math.abs(rgba[i] - rgba[i + 1])); return most;")
        self.assertEqual(colour, 0)
        self.choose(page, "opacity", 100)
        self.assertEqual(self.picture(page), before)
        self.choose(page, "target", 1)
        self.assertNotEqual(self.picture(page), before)
        self.assertIn(self.data["classes"][1]["title"], page.get("document.getElementById('explained').textContent"))
        self.choose(page, "target", 0)
        self.choose(page, "method", 1)
        self.assertIn("rollout", page.get("document.getElementById('explained').textContent"))
        self.assertEqual(page.get("document.getElementById('bar-middle').textContent"), "")
        self.choose(page, "method", 0)
        page.get("document.querySelectorAll('#targets button')[2].click()")
        self.assertEqual(page.get("document.getElementById('target').value"), "2")
        self.choose(page, "target", 0)
        self.assertTrue(page.get("document.getElementById('part').closest('label').hidden"))

    def sets(self, page):
        before = self.picture(page)
        count = page.get("document.querySelectorAll('#sets button:not([hidden])').length")
        self.assertEqual(count, sum(one["found"] for one in self.data["removal"]["sets"]))
        page.get("document.querySelector('#sets button').click()")
        self.assertNotEqual(self.picture(page), before)
        page.get("document.querySelector('#sets button').click()")
        self.assertEqual(self.picture(page), before)

    def looks(self, page):
        """Nothing is wider than the window; dark surroundings are dark; print has no controls."""
        for width, mobile in ((390, True), (1280, False)):
            page.size(width, 844, mobile)
            self.assertLessEqual(page.get("document.documentElement.scrollWidth"), width)
        page.media(prefers_color_scheme="dark")
        self.assertEqual(page.get("getComputedStyle(document.body).backgroundColor"), "rgb(19, 19, 20)")
        page.media("print", prefers_color_scheme="light")
        self.assertEqual(page.get("getComputedStyle(document.querySelector('form')).display"), "none")
        self.assertGreater(page.get("document.getElementById('map').getBoundingClientRect().height"), 50)
        page.media()

    def test_touch(self):
        page = self.open("hostile.html", 390, 844, mobile=True)
        page.call("Emulation.setTouchEmulationEnabled", enabled=True)
        page.get("document.getElementById('map').scrollIntoView({block: 'center'})")
        page.tap(*self.place(page, 1, 1))
        page.wait("document.querySelectorAll('#facts div').length > 4")
        self.assertEqual(self.facts(page)["Patch"], "row 2, column 2")

    def test_colours_are_the_pictures(self):
        """The map alone, pixel by pixel, smooth and plain."""
        page = self.open("koala.html")
        koala = os.path.join(DATA, "koala.jpg")
        self.choose(page, "underlay", "none")
        for upsample in ("bicubic", "nearest"):
            run(koala, "-o", "koala.png", "--style", "heat", "--caption", "none", "--upsample", upsample)
            self.choose(page, "upsample", upsample)
            width, height, rows = read_png("koala.png")
            self.assertEqual(page.get("[document.getElementById('map').width, document.getElementById('map').height]"),
                             [width, height])
            (left, top, spanx, spany) = data_of(read("koala.html"))["seen"]
            places = [(x, y) for y in range(round(top) + 1, round(top + spany) - 1, 13)
                      for x in range(round(left) + 1, round(left + spanx) - 1, 7)]
            mine = self.of_pixels(page, f"return {json.dumps(places)}.map(([x, y]) =>"
                                        " [...rgba.slice(4 * (y * width + x), 4 * (y * width + x) + 3)]);")
            worst = max(abs(a - b) for (x, y), color in zip(places, mine)
                        for a, b in zip(color, rows[y][3 * x:3 * x + 3]))
            self.assertLessEqual(worst, 2)

    def test_without_a_script(self):
        page = self.browser.open("hostile.html")
        page.call("Emulation.setScriptExecutionDisabled", value=True)
        page.go("koala.html")
        page.call("Emulation.setScriptExecutionDisabled", value=False)
        self.assertGreater(page.get("document.getElementById('still').getBoundingClientRect().height"), 50)
        self.assertEqual(page.get("getComputedStyle(document.querySelector('form')).display"), "block")
        self.assertEqual(page.get("getComputedStyle(document.querySelector('form').parentElement).display"), "none")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
