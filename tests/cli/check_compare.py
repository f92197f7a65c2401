"""vitlrp compare, and figures of one picture: real text, one scale in a row, Delta as an evaluation has it.
usage: check_compare.py VITLRP DATA

What needs cairo is left out where the command says that there is none, what needs pdftotext where that is missing."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import records  # noqa: E402
import small_model  # noqa: E402

PROGRAM, DATA = (os.path.abspath(path) for path in sys.argv[1:3])
with open(PROGRAM, "rb") as program:
    SANITIZED = b"__asan_init" in program.read()
SVG = "{http://www.w3.org/2000/svg}"
small_model.use(backend="openblas")


class Compare(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        shutil.copy(os.path.join(DATA, "goldfish.jpg"), self.path("<fish> & co.jpg"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def run_command(self, *arguments, code=0, **more):
        result = subprocess.run([PROGRAM, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, check=False, **more)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stdout if code == 0 else result.stderr

    def needs_cairo(self):
        result = subprocess.run([PROGRAM, "compare", "<fish> & co.jpg", "--method", "random", "--steps", "0", "-o",
                                 "probe.pdf"], cwd=self.folder, stderr=subprocess.PIPE, text=True, check=False)
        if "cairo" in result.stderr:
            self.skipTest(result.stderr)

    def test_svg(self):
        """Every word is text, maps of one unit and kind share their colours, and names cannot leave their place."""
        said = self.run_command("compare", "<fish> & co.jpg", "--methods", "attnlrp,cp-lrp,rollout", "-c", "top:2",
                                "-o", "f.svg")
        tree = xml.etree.ElementTree.fromstring(self.read("f.svg"))
        words = [text.text for text in tree.iter(SVG + "text")]
        for word in ("Photograph", "attnlrp", "cp-lrp", "rollout", "vit-tiny-patch8-64.safetensors"):
            self.assertIn(word, words)
        rows = [word for word in words if word.startswith("<fish> & co.jpg: ")]
        self.assertEqual(len(rows), 2)
        self.assertRegex(rows[0], r"goldfish \(1\), [0-9.]+ %, logit [0-9.]+$")
        pictures = list(tree.iter(SVG + "image"))
        self.assertEqual(len(pictures), 2 * (1 + 3 + 3))
        for picture in pictures:
            self.assertTrue(picture.get("href").startswith("data:image/png;base64,iVBOR"))
        highest = [word for word in words if word.startswith("+")]
        self.assertEqual(len(highest), 4)
        self.assertTrue(highest[0] == highest[1] and highest[2] == highest[3] and highest[0] != highest[2], highest)
        self.assertEqual(words.count("logit per patch"), 4)
        deltas = re.findall(r"Delta +(-?[0-9.]+)", said)
        shown = [word[2:].replace("\u2212", "-") for word in words if word.startswith("\u0394 ")]
        self.assertEqual([f"{float(delta):.2f}" for delta in deltas], shown)

    def test_names_that_xml_does_not_hold(self):
        for name in (b"\xef\xbf\xbf.jpg", b"\xef\xbf\xbe.jpg", b"\x1b[2J.jpg", b"\xff.jpg", b"\xe2\x80\xae.jpg"):
            shutil.copy(os.path.join(DATA, "goldfish.jpg"), os.path.join(os.fsencode(self.folder), name))
            self.run_command("compare", os.fsdecode(name), "--method", "random", "--steps", "0", "-o", "f.svg", "-q")
            words = [text.text for text in xml.etree.ElementTree.fromstring(self.read("f.svg")).iter(SVG + "text")]
            spelled = f"\\x{name[0]:02X}"
            self.assertTrue(any(word.startswith(spelled) for word in words), words)

    def test_too_many_images(self):
        """Known before the first is read: all of them would be in memory."""
        self.assertIn("at most 200 rows, and 201 images", self.run_command("compare", *["missing.jpg"] * 201, code=2))

    @unittest.skipIf(SANITIZED, "a sanitizer needs large stacks")
    def test_little_for_pango(self):
        """GLib ends the process where it gets no thread: that is asked before."""
        self.needs_cairo()
        common = ("compare", "<fish> & co.jpg", "--method", "random", "--steps", "0", "-q", "-o", "f.png")
        with open(self.path("labels"), "w", encoding="utf-8") as file:
            file.write("".join(f"\u6f22\u5b57 {i}\n" for i in range(1000)))
        strip = ("<fish> & co.jpg", "--labels", "labels", "-q", "-o", "s.png")
        small = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_STACK, (64 << 10, resource.RLIM_INFINITY))}
        self.run_command(*strip, **small)  # by the built-in font
        said = self.run_command(*common, code=5, **small)
        self.assertRegex(said, r"^vitlrp: .*Pango, .* cannot work: the stack of a thread .* \(ulimit -s\); write .svg\n$")
        self.assertFalse(os.path.exists(self.path("f.png")))

    def test_delta(self):
        """Delta is the evaluation's, to the bit that is printed."""
        with open(self.path("list.txt"), "w", encoding="utf-8") as file:
            file.write("<fish> & co.jpg\n")
        self.run_command("eval", "list.txt", "--methods", "attnlrp,rollout", "--steps", "4", "--json", "e.json", "-q")
        wanted = []
        measured = json.loads(self.read("e.json"))["images"][0]["methods"]
        for method in (measured["attnlrp"], measured["rollout"]):
            area = {name: sum(method[name]) - (method[name][0] + method[name][-1]) / 2 for name in
                    ("morf_logit", "lerf_logit")}
            wanted.append(f"{(area['lerf_logit'] - area['morf_logit']) / 4:.3f}")
        said = self.run_command("compare", "<fish> & co.jpg", "--methods", "attnlrp,rollout", "--steps", "4", "-o",
                                "f.svg")
        self.assertEqual(re.findall(r"Delta +(-?[0-9.]+)", said), wanted)

    def test_record(self):
        """--json names every cell, --raw has its map; with --versus both are of the difference."""
        shutil.copy(os.path.join(DATA, "koala.jpg"), self.path("b.jpg"))
        said = self.run_command("compare", "<fish> & co.jpg", "b.jpg", "--gammas", "0,0.1:inf", "-c", "goldfish",
                                "--versus", "koala", "--steps", "4", "--json", "r.json", "--raw", "m.npy", "-o",
                                "f.svg")
        self.assertIn("wrote m.npy\nwrote r.json\n", said)
        text = self.read("r.json").decode()
        self.assertEqual(records.check_text(text), [])
        record = json.loads(text)
        data = self.read("m.npy")
        start = 10 + int.from_bytes(data[8:10], "little")
        self.assertIn(b"'shape': (2, 2, 8, 8", data[:start])
        cells = record["cells"]
        self.assertEqual([(cell["row"], cell["column"]) for cell in cells], [(0, 0), (0, 1), (1, 0), (1, 1)])
        for number, cell in enumerate(cells):
            values = memoryview(data[start + 256 * number:start + 256 * (number + 1)]).cast("f")
            self.assertAlmostEqual(sum(values), cell["relevance_sum"], 3)
            self.assertEqual((cell["class"], cell["versus"], cell["method"]), (1, 105, "attnlrp"))
        self.assertEqual([cell["parameters"]["gamma_fc1"] for cell in cells], [0, "inf"] * 2)
        self.assertEqual([f"{cell['delta_logit']:.3f}" for cell in cells], re.findall(r"Delta +(-?[0-9.]+)", said))
        self.assertEqual([image["image"] for image in record["images"]], ["<fish> & co.jpg", "b.jpg"])
        words = [text.text for text in xml.etree.ElementTree.fromstring(self.read("f.svg")).iter(SVG + "text")]
        self.assertTrue(any("the difference's mean" in word for word in words))
        for wrong in (["--json", "f.svg"], ["--raw", "m.csv"], ["--raw", "-"]):
            self.run_command("compare", "b.jpg", "--steps", "0", "-o", "f.svg", *wrong, code=2)
        self.run_command("compare", "b.jpg", "<fish> & co.jpg", "--resize", "none", "--crop", "64", "--method", "random",
                         "--steps", "0", "-o", "f.svg", "-q")
        alone = self.run_command("compare", "b.jpg", "--method", "rollout", "--steps", "0", "-o", "f.svg", "--json", "-")
        self.assertEqual(records.check_text(alone), [])
        self.assertIsNone(json.loads(alone)["curves"])

    def test_hatching(self):
        """Figures say what it means, where there is some."""
        def words(*arguments):
            self.run_command("<fish> & co.jpg", "-o", "f.svg", "-q", *arguments)
            return [text.text for text in xml.etree.ElementTree.fromstring(self.read("f.svg")).iter(SVG + "text")]

        self.assertIn("hatched: not seen by the model", words())
        self.assertNotIn("hatched: not seen by the model", words("--resize", "squash:64"))
        self.run_command("compare", "<fish> & co.jpg", "--method", "random", "--steps", "0", "-o", "f.svg", "-q")
        self.assertIn(b">hatched: not seen by the model<", self.read("f.svg"))

    def test_gammas(self):
        said = self.run_command("compare", "<fish> & co.jpg", "--gammas", "0,0.1:inf", "--steps", "0", "-o", "f.svg")
        self.assertRegex(said, r"(?m)^  gamma 0 *$")
        self.assertRegex(said, r"(?m)^  gamma conv 0.1, linear inf *$")
        self.assertNotIn("Delta", said)

    def test_formats(self):
        """A PDF's words can be found and copied; a PNG has two pixels a point; a JPEG is one."""
        self.needs_cairo()
        common = ("compare", "<fish> & co.jpg", "--method", "attnlrp", "--steps", "0", "-q", "-o")
        for name, start in (("f.pdf", b"%PDF-"), ("f.png", b"\x89PNG"), ("f.jpg", b"\xff\xd8\xff")):
            self.run_command(*common, name)
            self.assertTrue(self.read(name).startswith(start))
        first = self.read("f.pdf")
        time.sleep(1.1)  # a date would have another second
        self.run_command(*common, "f.pdf")
        self.assertTrue(self.read("f.pdf") == first)
        self.run_command(*common, "f.svg")
        width = float(xml.etree.ElementTree.fromstring(self.read("f.svg")).get("viewBox").split()[2])
        self.assertEqual(int.from_bytes(self.read("f.png")[16:20], "big"), -(-width * 2 // 1))
        if shutil.which("pdftotext") is not None:
            text = subprocess.run(["pdftotext", self.path("f.pdf"), "-"], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout
            for word in ("Photograph", "attnlrp", "<fish> & co.jpg: goldfish (1)", "logit per patch"):
                self.assertIn(word, text)

    def test_pdf_of_one_picture(self):
        """The caption of a heat map is text in a PDF too, and the method is in its properties."""
        self.needs_cairo()
        self.run_command("<fish> & co.jpg", "-o", "h.pdf", "--caption", "auto", "-q")
        self.run_command("<fish> & co.jpg", "-o", "plain.pdf", "--caption", "none", "-q")
        for name in ("h.pdf", "plain.pdf"):
            self.assertTrue(self.read(name).startswith(b"%PDF-"))
        if shutil.which("pdftotext") is not None:
            said = [subprocess.run([tool, self.path(name), *more], stdout=subprocess.PIPE, text=True, check=True).stdout
                    for tool, name, more in (("pdftotext", "h.pdf", ["-"]), ("pdftotext", "plain.pdf", ["-"]),
                                             ("pdfinfo", "h.pdf", []))]
            for word in ("goldfish (1)", "attnlrp, ", "of the logit", "logit per patch"):
                self.assertIn(word, said[0])
            self.assertNotIn("goldfish", said[1])
            self.assertRegex(said[2], r"Subject: +vitlrp .*; class 1; attnlrp, gamma conv 0\.25")

    def check_last_frame(self, data, width, height):
        """Where all patches are gone there is one colour, without seams: 128 of 8 x 8 patches, 8 pixels or more each."""
        above, rows = bytearray(3 * width), []
        for y in range(height):
            kind, row = data[y * (3 * width + 1)], bytearray(data[y * (3 * width + 1) + 1:(y + 1) * (3 * width + 1)])
            for i in range(len(row)):
                left, up, corner = (row[i - 3], above[i], above[i - 3]) if i >= 3 else (0, above[i], 0)
                nearest = min((left, up, corner), key=lambda value, all=left + up - corner: abs(all - value))
                row[i] = row[i] + (0, left, up, (left + up) // 2, nearest)[kind] & 255
            rows.append(bytes(row))
            above = row
        blank = bytes((124, 116, 104))
        colors = [{row[3 * x:3 * x + 3] for row in rows[height // 3:height * 2 // 3]} for x in range(width // 6, width // 3)]
        self.assertEqual(set().union(*colors), {blank})

    def test_animation(self):
        """An APNG: 17 whole frames, numbered chunks with their sums, under 4 MB. Pillow agrees, where it is there."""
        self.needs_cairo()
        self.run_command("<fish> & co.jpg", "-o", "a.apng", "-q")
        data = self.read("a.apng")
        self.assertLess(len(data), 4 << 20)
        chunks, place = [], 8
        while place < len(data):
            size = int.from_bytes(data[place:place + 4], "big")
            chunks.append((data[place + 4:place + 8], data[place + 8:place + 8 + size]))
            checked = zlib.crc32(data[place + 4:place + 8 + size])
            self.assertEqual(data[place + 8 + size:place + 12 + size], checked.to_bytes(4, "big"))
            place += 12 + size
        self.assertEqual([chunks[0][0], chunks[1], chunks[-1][0]],
                         [b"IHDR", (b"acTL", (17).to_bytes(4, "big") + bytes(4)), b"IEND"])
        numbers = [int.from_bytes(body[:4], "big") for kind, body in chunks if kind in (b"fcTL", b"fdAT")]
        self.assertEqual(numbers, list(range(len(numbers))))
        width, height = (int.from_bytes(chunks[0][1][i:i + 4], "big") for i in (0, 4))
        frames = []
        for kind, body in chunks:
            if kind == b"fcTL":
                frames.append(b"")
            elif kind in (b"IDAT", b"fdAT"):
                frames[-1] += body[4:] if kind == b"fdAT" else body
        pixels = [zlib.decompress(frame) for frame in frames]
        self.assertEqual({len(frame) for frame in pixels}, {(3 * width + 1) * height})
        self.assertEqual(len(set(pixels)), 17)
        self.check_last_frame(pixels[-1], width, height)
        try:
            from PIL import Image
        except ImportError:
            return
        with Image.open(self.path("a.apng")) as picture:
            self.assertEqual((picture.n_frames, picture.size), (17, (width, height)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
