"""Model.evaluate: the same numbers as the command's, tables, reports, shards, stopping."""

import math
import os
import re
import shutil
import signal
import threading
import time
import unittest

import support
import vitlrp
from vitlrp import errors

NAMES = ("goldfish", "koala", "panda", "dam")
METHODS = ["attnlrp", "rollout", "random"]


class Evaluate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = support.scratch()
        cls.folder = cls.scratch.__enter__()
        cls.dataset = os.path.join(cls.folder, "images")
        os.mkdir(cls.dataset)
        for name in NAMES:
            shutil.copy(os.path.join(support.DATA, name + ".jpg"), cls.dataset)
        cls.model = support.small()

    @classmethod
    def tearDownClass(cls):
        cls.model.close()
        cls.scratch.__exit__(None, None, None)

    def evaluate(self, methods=METHODS, **options):
        return self.model.evaluate(self.dataset, methods, **{"steps": 3, **options})

    def path(self, name):
        return os.path.join(self.folder, name)


class Tune(Evaluate):
    def test_like_the_command(self):
        told = []
        model = support.parity_model()
        self.addCleanup(model.close)
        found = model.tune(
            self.dataset, limit=4, steps=3, progress=lambda *numbers: told.append(numbers), threads=1
        )
        with support.scratch() as folder:
            path = os.path.join(folder, "settings.json")
            weights = os.path.join(support.PARITY, "timm.safetensors")
            few = ("--limit", "4", "--steps", "3", "--model", weights, "--heads", "4")
            support.command("tune", self.dataset, *few, "-o", path)
            self.assertEqual(dict(vitlrp.read_settings(path)), found.rules)
        self.assertEqual((found.method, found.calibration_images, found.held_out_images), ("attnlrp", 2, 2))
        self.assertGreaterEqual(found.calibration_tuned.mean, found.calibration_preset.mean)
        self.assertAlmostEqual(found.gain.mean, found.tuned.mean - found.preset.mean, 5)
        self.assertTrue(told)
        self.assertIn("gain", str(found))
        model.explain(support.KOALA, **found.rules)

    def test_refused(self):
        with self.assertRaisesRegex(errors.VitlrpError, "rollout"):
            self.model.tune(self.dataset, "rollout", limit=4)
        for unread in ("coalitions", "randomized", "sensitivity", "boxes", "shard"):
            with self.assertRaisesRegex(TypeError, f"unexpected keyword argument '{unread}'"):
                self.model.tune(self.dataset, limit=4, **{unread: 1024})

        def progress(*_):
            raise StopIteration("enough")

        with self.assertRaisesRegex(StopIteration, "enough"):
            self.model.tune(self.dataset, limit=4, steps=3, progress=progress)


class Numbers(Evaluate):
    def test_the_same_as_the_command(self):
        files = [self.path(name) for name in ("c.json", "c.csv", "c.html")]
        mine = [self.path(name) for name in ("m.json", "m.csv", "m.html")]
        arguments = ["--steps", "3", "--seed", "5", "--replace", "blur", "--gamma-conv", "0.5"]
        outputs = ["--json", files[0], "--csv", files[1], "--html", files[2]]
        listed = ["--methods", ",".join(METHODS)]
        support.command("eval", self.dataset, "-q", *arguments, *outputs, *listed)
        found = self.evaluate(seed=5, replace="blur", gamma_conv=0.5)
        for report, path in zip((found.json, found.csv, found.html), mine):
            text = report(path)
            self.assertEqual(text.encode(), support.read(path))
        for path, wanted in zip(mine, files):
            without_command = re.sub(rb'  "run": \{"verb":"eval".*\n', b"", support.read(wanted))
            self.assertEqual(support.read(path), without_command, path)

    def test_tables(self):
        found = self.evaluate()
        document = support.document(found.json())
        self.assertEqual(found.methods, tuple(METHODS))
        self.assertEqual(found.reference, "rollout")
        self.assertEqual((found.images, found.failed, found.skipped), (4, 0, 0))
        self.assertEqual((found.manifest, found.shard, found.first_failed), (4, (0, 1), None))
        for method in METHODS:
            self.assertEqual(tuple(found.metrics[method]), vitlrp.METRICS)
            for metric, told in document["methods"][method].items():
                statistic = found.metrics[method][metric]
                if told["n"] == 0:
                    self.assertEqual((statistic.n, told["mean"]), (0, None))
                    self.assertTrue(math.isnan(statistic.mean))
                    self.assertEqual(str(statistic), "not measured")
                else:
                    self.assertEqual(statistic.n, told["n"])
                    for part in ("mean", "lo", "hi"):  # the JSON has 9 digits
                        exact = getattr(statistic, part)
                        self.assertEqual(float(f"{exact:.9g}"), told[part], f"{method} {metric}")
        delta = found.metrics["attnlrp"]["delta_logit"]
        self.assertTrue(delta.lo <= delta.mean <= delta.hi and delta.n == 4)
        pair = found.paired["attnlrp"]["delta_logit"]
        difference = delta.mean - found.metrics["rollout"]["delta_logit"].mean
        self.assertAlmostEqual(pair.mean, difference, places=10)
        self.assertEqual(found.paired["rollout"]["delta_logit"].n, 0)
        self.assertIn("attnlrp", str(found))
        self.assertIn("4 images", repr(found))

    def test_replacements(self):
        """Each has the numbers of the record; the first is also that of the plain tables."""
        found = self.evaluate(["random", "attnlrp"], replace=["zero", "black"], reference="random", limit=2)
        document = support.document(found.json())["replacements"]
        self.assertEqual(str(found.under("zero").metrics), str(found.metrics))
        for name in ("zero", "black"):
            under = found.under(name)
            self.assertEqual(list(under.ranking), document[name]["ranking"])
            for tables, told in ((under.metrics, "methods"), (under.paired, "paired")):
                told = document[name][told]["attnlrp"]
                for metric in told:
                    self.assertEqual(tables["attnlrp"][metric].n, told[metric]["n"], metric)
                    if told[metric]["n"]:
                        self.assertEqual(float(f"{tables['attnlrp'][metric].mean:.9g}"), told[metric]["mean"])
            self.assertEqual(under.audit, {})
        self.assertEqual(found.shapley, {})
        with self.assertRaisesRegex(errors.UsageError, "blur"):
            found.under("blur")

    def test_blocks(self):
        """Each has the numbers of the record, and the plain tables those of the ranking over all."""
        found = self.evaluate(
            ["input-x-gradient", "attnlrp"], units="fc1", each_block=1, single=3, limit=2, steps=14)
        document = support.document(found.json())
        for block in range(found.settings["block_count"]):
            within, told = found.within(block), document["blocks"][str(block)]
            self.assertEqual(list(within.ranking), told["ranking"])
            for metric in ("delta_logit", "mean_drop_10", "units_to_lose", "pearson_single"):
                mean = within.metrics["attnlrp"][metric].mean
                self.assertEqual(float(f"{mean:.9g}"), told["methods"]["attnlrp"][metric]["mean"])
        self.assertEqual(document["blocks"]["all"]["methods"], document["methods"])
        with self.assertRaisesRegex(errors.UsageError, "was not measured by itself"):
            found.within(99)
        with self.assertRaisesRegex(errors.UsageError, "an index of this model"):
            self.evaluate(["attnlrp"], units="fc1", replace="mean", limit=1, steps=14)

    def test_settings(self):
        found = self.evaluate(["random"], seed=5, replace="road", limit=1)
        protocol = support.document(found.json())["protocol"]
        wanted = {name: protocol[name] for name in protocol if name not in ("unit", "grid")}
        self.assertEqual(found.settings, wanted)
        self.assertEqual((found.settings["steps"], found.settings["replace"]), (3, "road"))
        self.assertIn("road", vitlrp.words("replacement"))
        for name, value in (("steps", 0), ("seed", 2**63), ("replace", "grey"), ("seed", "x")):
            with self.assertRaisesRegex(errors.UsageError, name):
                self.evaluate(**{name: value})

    def test_precision(self):
        found = self.evaluate(["attnlrp", "random"])
        self.assertEqual((found.precision, found.audited, found.audit), ("fp32", 0, {}))
        with self.assertLogs("vitlrp", "WARNING") as log:
            fallback = self.evaluate(["random"], precision="bf16", backend="openblas")
        self.assertEqual((fallback.precision, fallback.audit), ("fp32", {}))
        self.assertIn("bf16: openblas has nothing faster here", log.output[0])
        found = self.evaluate(["attnlrp", "random"], precision="bf16")
        if found.precision == "bf16":
            self.assertEqual(found.audited, 1)
            document = support.document(found.json())["audit"]["methods"]
            for method, metric in (("attnlrp", "delta_logit"), ("random", "lerf_prob")):
                audit = found.audit[method][metric]
                told = document[method][metric]
                self.assertEqual(audit.n, 1)
                self.assertTrue(0.0 < audit.mean_abs == audit.max_abs == abs(audit.mean))
                for part in ("mean", "mean_abs", "max_abs", "per_half_width"):
                    self.assertEqual(float(f"{getattr(audit, part):.9g}"), told[part])
        with self.assertRaisesRegex(errors.UsageError, "bf16"):
            self.evaluate(precision="fp16")

    def test_reading_and_merging(self):
        whole = self.evaluate(reference="random")
        parts = [self.evaluate(reference="random", shard=(i, 3)) for i in range(3)]
        self.assertEqual([part.images for part in parts], [2, 1, 1])
        path = self.path("part.json")
        parts[1].json(path)
        read = [vitlrp.Evaluation.read(path), vitlrp.Evaluation.read(parts[2].json().encode())]
        merged = vitlrp.Evaluation.merge([parts[0], *read])
        self.assertEqual(merged.json(), whole.json())
        self.assertEqual(merged.html(), whole.html())
        with self.assertRaisesRegex(errors.MismatchError, "3"):
            vitlrp.Evaluation.merge(parts[:2])
        with self.assertRaises(errors.UsageError):
            vitlrp.Evaluation.merge([])
        with self.assertRaises(errors.FormatError):
            vitlrp.Evaluation.read(b"{}")
        with self.assertRaises(FileNotFoundError):
            vitlrp.Evaluation.read(self.path("nowhere.json"))

    def test_journal(self):
        """A run that an exception ended goes on, and a journal is read as the record is."""
        journal, told = self.path("journal"), []
        whole = self.evaluate(threads=1)

        def stop(done, total, failed):
            told.append(done)
            if done == 2:
                raise StopIteration("enough")

        with self.assertRaisesRegex(StopIteration, "enough"):
            self.evaluate(threads=1, journal=journal, progress=stop)
        part = vitlrp.Evaluation.open(journal)
        self.assertEqual((part.images, part.manifest), (2, len(NAMES)))
        resumed = self.evaluate(threads=1, journal=journal, progress=lambda done, total, failed: told.append(done))
        self.assertEqual(told, [1, 2, 2, 3, 4])
        self.assertEqual(resumed.json(), whole.json())
        whole.json(self.path("whole.json"))
        self.assertEqual(vitlrp.Evaluation.open(self.path("whole.json")).json(), whole.json())
        with self.assertRaisesRegex(errors.UsageError, "steps"):
            self.evaluate(steps=4, journal=journal)
        with self.assertRaises(errors.UsageError):
            vitlrp.Evaluation.open()

    def test_defaults_limit_and_labels(self):
        found = self.model.evaluate(self.dataset, limit=1, steps=1)
        self.assertEqual(len(found.methods), 7)
        self.assertEqual(found.images, 1)
        truth = self.path("truth.csv")
        with open(truth, "w", encoding="utf-8") as file:
            file.write("goldfish.jpg,1\nkoala.jpg,koala\n")
        with self.assertLogs("vitlrp", "WARNING") as logs:
            found = self.evaluate(["random"], target="label", truth=truth)
        self.assertIn("2 of 4 images are left out", logs.output[0])
        self.assertEqual((found.images, found.skipped), (2, 2))

    def test_preprocessing(self):
        larger = self.model.preprocessing.for_input(96)
        found = self.evaluate(["random"], preprocessing=larger, threads=1)
        self.assertEqual(support.document(found.json())["protocol"]["grid"], [12, 12])

    def test_a_bad_image_is_recorded(self):
        folder = self.path("bad")
        shutil.copytree(self.dataset, folder)
        with open(os.path.join(folder, "broken.jpg"), "wb") as file:
            file.write(b"no picture")
        found = self.model.evaluate(folder, ["random"], steps=1)
        self.assertEqual((found.images, found.failed), (5, 1))
        self.assertEqual(found.first_failed[0], "broken.jpg")
        self.assertIn("not a JPEG", found.first_failed[1])

    def test_outlives_its_model(self):
        with support.small() as model:
            found = model.evaluate(self.dataset, ["random"], steps=1)
        del model
        self.assertIn("random", found.html())

    def test_refused(self):
        cases = [
            ({"methods": "attnlrp"}, "list of names"),
            ({"methods": []}, "empty"),
            ({"methods": ["lime"]}, "no method 'lime'"),
            ({"methods": ["random", "random"]}, "twice"),
            ({"methods": ["a\0b"]}, "zero byte"),
            ({"methods": [3]}, "string"),
            ({"reference": "rise"}, "rise"),
            ({"steps": 0}, "steps"),
            ({"limit": 0}, "limit"),
            ({"limit": -1}, "limit"),
            ({"target": "true"}, "predicted"),
            ({"replace": "grey"}, "road"),
            ({"shard": 3}, "two numbers"),
            ({"shard": (3, 3)}, "shard"),
            ({"shard": (0, 0)}, "shards"),
            ({"seed": -1}, "seed"),
            ({"seed": 2**63}, "seed"),
            ({"threads": -1}, "threads"),
            ({"threads": 2**40}, "threads"),
            ({"gamma_conv": -1}, "gamma_conv"),
            ({"gamma_conv": float("nan")}, "gamma_conv"),
            ({"epsilon": float("inf")}, "epsilon"),
            ({"methods": ["chefer", "attnlrp-eps"], "gamma_head": 0.5}, "gamma_head changes none of the methods: .* chefer"),
            ({"methods": ["random"], "samples": 9}, "samples changes none"),
            ({"maps": {"random": self.folder}}, "method's name"),
            ({"maps": {"a b": self.folder}}, "letters"),
        ]
        for arguments, words in cases:
            with self.subTest(**arguments), self.assertRaisesRegex(errors.UsageError, words):
                self.evaluate(**arguments)
        with self.assertRaisesRegex(TypeError, "unexpected keyword argument 'noise'"):
            self.evaluate(noise=3)
        with self.assertRaisesRegex(errors.IoError, "nowhere"):
            self.model.evaluate(self.path("nowhere"), METHODS)
        with self.assertRaises(errors.UsageError):
            self.model.evaluate(None)
        with self.assertRaisesRegex(errors.MismatchError, "no map of"):
            self.evaluate(maps={"own": self.folder})
        found = self.evaluate(["random"])
        with self.assertRaises(FileNotFoundError):
            found.html(self.path("missing/x.html"))


class Progress(Evaluate):
    def test_every_image_is_told(self):
        told = []
        self.evaluate(["random"], progress=lambda *numbers: told.append(numbers))
        self.assertEqual(told, [(i + 1, 4, 0) for i in range(4)])

    def test_an_exception_stops_the_run(self):
        told = []

        def progress(*numbers):
            told.append(numbers)
            raise KeyError("enough")

        with self.assertRaisesRegex(KeyError, "enough"):
            self.evaluate(["random"], progress=progress, threads=1)
        self.assertEqual(len(told), 1)
        self.assertEqual(self.evaluate(["random"]).images, 4)

    def interrupt(self, send):
        """After a Ctrl-C by `send` no image is begun, and the model is free again."""
        done = []

        def progress(count, *_):
            done.append(count)
            send()
            time.sleep(0.2)  # until the main thread has taken it

        with self.assertRaises(KeyboardInterrupt):
            self.evaluate(["random"], progress=progress, threads=1)
        self.assertLess(len(done), 4)
        self.assertEqual(self.model._users, 0)
        names = [thread.name for thread in threading.enumerate()]
        self.assertNotIn("vitlrp-evaluate", names)

    def test_interrupt(self):
        self.interrupt(lambda: os.kill(os.getpid(), signal.SIGINT))

    def test_interrupt_in_another_thread(self):
        """As the system may choose: the handler of the signal runs there, and wakes nobody."""
        self.interrupt(lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT))


if __name__ == "__main__":
    unittest.main()
