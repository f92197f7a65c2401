"""Models: what they tell of themselves, and their life among threads, forks and the collector."""

import gc
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import types
import unittest
import warnings
import weakref

import numpy as np

import support
import vitlrp
from vitlrp import _library, _modules, _transforms, errors


class Step:
    """Of torchvision, whose objects are known by the names of their classes."""

    def __init__(self, name, **attributes):
        self.__dict__.update(attributes)
        self.__name__ = name


class Transforms(unittest.TestCase):
    def test_values_up_to_255(self):
        """What divides by 255, and what does not."""
        floats, bytes_ = types.SimpleNamespace(is_floating_point=True), types.SimpleNamespace(is_floating_point=False)
        normalise = Step("Normalize", mean=[0.5, 0.4, 0.3], std=[0.2, 0.2, 0.2])

        def read(*steps):
            return _transforms.read(types.SimpleNamespace(transforms=[*steps, normalise]))

        plain = Step("ToDtype", dtype=floats, scale=False)
        for steps in (
            (Step("ToImage"), Step("ToDtype", dtype=floats, scale=True)),
            (Step("ToImage"), Step("ToDtype", dtype=bytes_, scale=False), Step("ToDtype", dtype=floats, scale=True)),
            (Step("ToTensor"), plain),
        ):
            self.assertEqual(read(*steps).mean, (0.5, 0.4, 0.3))
        for steps in ((Step("ToImage"), plain), (Step("ToImage"), Step("ToDtype", dtype={"image": floats}, scale=False))):
            with self.assertRaisesRegex(errors.UnsupportedError, "values from 0 to 255"):
                read(*steps)


class Info(unittest.TestCase):
    def test_builtin(self):
        with vitlrp.Model() as model:
            info = model.info
            self.assertEqual(info.name, "built-in vit-tiny-patch4-64")
            self.assertEqual((info.image_height, info.image_width, info.tokens), (64, 64, 257))
            self.assertEqual((info.classes, len(model.classes)), (200, 200))
            self.assertEqual(info.layer_norm_eps, 1e-6)
            preprocessing = model.preprocessing
            self.assertEqual(preprocessing.mean, (0.485, 0.456, 0.406))
            told = json.loads(support.command("info", "--json", "-", VITLRP_MODEL=""))
            self.assertEqual(model.sha256(), told["weights_sha256"])

    def test_parity_model(self):
        with support.parity_model() as model:
            info = model.info
            self.assertEqual((info.layout, info.container), ("timm", "safetensors"))
            self.assertEqual((info.dim, info.depth, info.heads, info.mlp_dim), (32, 3, 4, 128))
            self.assertTrue(info.name.endswith("timm.safetensors"))
            self.assertEqual([c.output for c in model.classes], list(range(10)))
        with vitlrp.Model(os.path.join(support.PARITY, "torchvision.pth"), 4) as model:
            self.assertEqual(model.info.layout, "torchvision")

    def test_facts(self):
        """What is known, and who states it; the caller's word decides."""
        with support.small() as model:
            facts = {fact.name: fact for fact in model.facts}
        self.assertEqual((facts["heads"].value, facts["heads"].source), ("3", "file"))
        self.assertIn("num_heads", facts["heads"].origin)
        with vitlrp.Model(pool="mean", activation="quick_gelu", norm_eps=1e-5) as model:
            facts = {fact.name: fact for fact in model.facts}
            self.assertEqual(model.info.activation, "quick_gelu")
            self.assertEqual(model.info.layer_norm_eps, 1e-5)
        self.assertEqual((facts["pool"].value, facts["pool"].source), ("mean", "user"))
        for wrong in ({"pool": "max"}, {"activation": "mish"}, {"norm_eps": 1.0}, {"norm_eps": 0}):
            with self.assertRaises(vitlrp.errors.UsageError):
                vitlrp.Model(**wrong)

    def test_choices(self):
        path = os.path.join(support.PARITY, "timm.safetensors")
        for options, error in (
            ({"weights": "best"}, errors.UsageError),
            ({"weights": "ema"}, errors.VitlrpError),
            ({"ignore_tensors": "none*"}, errors.VitlrpError),
            ({"ignore_tensors": 3}, errors.UsageError),
            ({"adapter": "no/such/folder"}, errors.VitlrpError),
        ):
            with self.subTest(options=options), self.assertRaises(error):
                vitlrp.Model(path, 4, **options)
        with vitlrp.Model(path, 4, weights="raw") as model:
            self.assertEqual(model.info.dim, 32)

    def test_classes(self):
        with support.small() as model:
            tabby = model.find_class("tabby")
            self.assertEqual((tabby.index, tabby.wnid), (281, "n02123045"))
            self.assertEqual(model.classes[tabby.output], tabby)
            for name in (281, "281", "n02123045", "TABBY", np.int32(281), tabby):
                self.assertEqual(model.find_class(name), tabby)
            self.assertEqual(str(tabby), "tabby (281)")
            for name in ("no such thing", 0, -5, 10**30, 2.0, None, "a\0b", b"tabby"):
                with self.subTest(name=name), self.assertRaises(errors.UsageError):
                    model.find_class(name)

    def test_labels(self):
        with support.scratch() as folder:
            path = os.path.join(folder, "labels.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(f"thing {i}\n" for i in range(10)))
            weights = os.path.join(support.PARITY, "timm.safetensors")
            with vitlrp.Model(weights, heads=4, labels=path) as model:
                self.assertEqual(model.find_class("Thing 7").output, 7)
            with self.assertRaises(errors.MismatchError):
                vitlrp.Model(labels=path)

    def test_preprocessing(self):
        with support.small() as model:
            own = model.preprocessing
            larger = own.for_input(96)
            self.assertEqual((larger.resize_to, larger.crop_height), (96, 96))
            self.assertEqual(
                model.preprocess(support.KOALA, preprocessing=larger).shape, (3, 96, 96)
            )
            changes = (
                {"resize": "long"},
                {"mean": (1.0, 2.0)},
                {"std": (1.0, 0.0, 1.0)},
                {"mean": (float("nan"),) * 3},
                {"resize_to": -1},
                {"crop_height": 2**40},
                {"interpolation": "nearest"},
            )
            for change in changes:
                bad = vitlrp.Preprocessing(**{**vars(own), **change})
                with self.subTest(**change), self.assertRaises(errors.UsageError):
                    model.preprocess(support.KOALA, preprocessing=bad)
            with self.assertRaises(errors.UsageError):
                own.for_input(0)

    def test_refused(self):
        cases = [
            ("nowhere.pth", {}, errors.IoError, "nowhere.pth"),
            (support.KOALA, {}, errors.FormatError, "koala.jpg: is a JPEG image"),
            (None, {"heads": -1}, errors.UsageError, "heads"),
            (None, {"heads": 7}, errors.MismatchError, "heads"),
            (None, {"heads": "3"}, errors.UsageError, "heads"),
            (None, {"max_bytes": 10887519}, errors.LimitError, "10887520 bytes are more"),
            (None, {"max_bytes": 0}, errors.UsageError, "max_bytes"),
            (None, {"labels": "nowhere.txt"}, errors.IoError, "nowhere.txt"),
            ("", {}, errors.UsageError, "path"),
            (7, {}, errors.UsageError, "path"),
        ]
        for path, arguments, kind, words in cases:
            with self.subTest(path=path, **arguments):
                with self.assertRaisesRegex(kind, words) as caught:
                    vitlrp.Model(path, **arguments)
                self.assertIsInstance(caught.exception, vitlrp.VitlrpError)

    def test_error_of_the_system(self):
        with self.assertRaises(OSError) as caught:
            vitlrp.Model("nowhere.pth")
        self.assertEqual((caught.exception.errno, caught.exception.status), (2, "io"))
        self.assertIn("nowhere.pth: cannot open", str(caught.exception))


class Life(unittest.TestCase):
    def setUp(self):
        self.model = support.small()
        self.wanted = self.model.explain(support.GOLDFISH).heatmap.tobytes()
        self.addCleanup(self.model.close)

    def test_closed(self):
        self.model.close()
        self.model.close()
        self.assertEqual(self.model.info.classes, 200)
        for use in (
            lambda: self.model.explain(support.GOLDFISH),
            lambda: self.model.find_class(281),
            lambda: self.model.sha256(),
            lambda: self.model.evaluate(support.DATA, ["random"]),
        ):
            with self.assertRaisesRegex(errors.UsageError, "closed"):
                use()

    def test_everything_is_released_once(self):
        closed = []

        def record(close):
            def closing(pointer):
                closed.append(close.__name__)
                close(pointer)

            return closing

        library = _library.lib
        originals = library.vitlrp_model_close, library.vitlrp_session_close
        try:
            library.vitlrp_model_close, library.vitlrp_session_close = map(record, originals)
            model = support.small()
            model.explain(support.GOLDFISH)
            model.explain(support.GOLDFISH, "top:2")
            gone = weakref.ref(model)
            del model
            gc.collect()
        finally:
            library.vitlrp_model_close, library.vitlrp_session_close = originals
        self.assertIsNone(gone())
        names = ["vitlrp_session_close", "vitlrp_session_close", "vitlrp_model_close"]
        self.assertEqual(closed, names)

    def test_sessions_are_kept_and_bounded(self):
        pool = self.model._sessions
        self.model.explain(support.GOLDFISH)
        self.assertEqual(len(pool._idle), 1)
        first = pool._idle[0][1]
        self.model.explain(support.GOLDFISH, method="gradcam")
        self.model.explain(support.GOLDFISH)
        self.assertTrue(any(handle is first for _, handle in pool._idle))
        for name in ("rollout", "chefer", "legrad", "random"):
            self.model.explain(support.GOLDFISH, method=name)
        self.assertEqual(len(pool._idle), 2)

    def test_many_passes(self):
        with support.small(passes=64) as model:
            heatmap = model.explain(support.GOLDFISH).heatmap
        wanted = np.frombuffer(self.wanted, np.float32).reshape(heatmap.shape)
        self.assertLess(support.relative_error(heatmap, wanted), support.EXACT)
        with self.assertRaisesRegex(errors.UsageError, "passes"):
            vitlrp.Model(passes=0)

    def test_precision_in_use_is_told(self):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = self.model.explain(support.GOLDFISH, precision="bf16")
        used = found.parameters["precision"]
        self.assertEqual(bool(told), used != "bf16")
        self.assertEqual(self.model.explain(support.GOLDFISH).parameters["precision"], "fp32")

    def test_a_failure_leaves_the_session_usable(self):
        for _ in range(3):
            with self.assertRaises(errors.NumericError):
                self.model.explain(np.full((3, 64, 64), np.inf, np.float32))
            found = self.model.explain(support.GOLDFISH)
            self.assertEqual(found.heatmap.tobytes(), self.wanted)

    def test_threads(self):
        found = []

        def work():
            for _ in range(4):
                heatmap = self.model.explain(support.GOLDFISH, threads=1).heatmap
                found.append(heatmap.tobytes() == self.wanted)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [True] * 24)

    def test_prepare_threads(self):
        """Threads of the caller's own, under a limit of the address space that they fit in or not."""
        vitlrp.prepare_threads(2)
        for wrong in (0, 1025, "2"):
            with self.assertRaises(vitlrp.errors.UsageError):
                vitlrp.prepare_threads(wrong)
        with self.assertRaises(vitlrp.errors.UnsupportedError):
            vitlrp.prepare_threads(2, backend="nothing")
        program = ("import resource, vitlrp\n"
                   "used = 1024 * int(next(line for line in open('/proc/self/status')\n"
                   "                       if line.startswith('VmSize')).split()[1])\n"
                   "resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 24), resource.RLIM_INFINITY))\n"
                   "try:\n"
                   "    vitlrp.prepare_threads(64)\n"
                   "except MemoryError as error:\n"
                   "    print('refused:', error)\n")
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.startswith("refused: "), result.stdout)

    def test_closed_by_another_thread(self):
        """Calls at work finish; what follows is refused; the model goes with its last user."""
        started, outcomes = threading.Barrier(4), []

        def work():
            started.wait()
            try:
                while True:
                    heatmap = self.model.explain(support.GOLDFISH, threads=1).heatmap
                    if heatmap.tobytes() != self.wanted:
                        outcomes.append("wrong")
            except errors.UsageError:
                outcomes.append("closed")

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        self.model.explain(support.GOLDFISH)
        self.model.close()
        for thread in threads:
            thread.join()
        self.assertEqual(outcomes, ["closed"] * 3)
        self.assertFalse(self.model._handle._finalizer.alive)
        self.assertEqual(self.model._sessions._idle, [])

    def test_not_pickled(self):
        with self.assertRaisesRegex(TypeError, "open it in every process"):
            pickle.dumps(self.model)

    def test_openmp_setting_of_the_caller_stays(self):
        """A session works in the caller's thread, whose threads of OpenMP numpy and torch use."""
        code = (
            "import ctypes, vitlrp\n"
            "openmp = ctypes.CDLL('libgomp.so.1')\n"
            "before = openmp.omp_get_max_threads()\n"
            "model = vitlrp.Model()\n"
            f"model.explain({support.GOLDFISH!r})\n"
            "assert openmp.omp_get_max_threads() == before == 3\n"
        )
        environment = {**os.environ, "OMP_NUM_THREADS": "3"}
        subprocess.run([sys.executable, "-B", "-c", code], check=True, env=environment)


class Fork(unittest.TestCase):
    def in_child(self, work):
        """Runs work in a forked child; fails unless it returns."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException as error:
                print(f"in the child: {type(error).__name__}: {error}", flush=True)
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        self.assertEqual(status, 0)

    def test_models_are_refused(self):
        model = support.small()
        explained = model.explain(support.GOLDFISH)

        def work():
            for use in (
                lambda: model.explain(support.GOLDFISH),
                lambda: model.find_class("tabby"),
                lambda: model.evaluate(support.DATA, ["random"]),
            ):
                with self.assertRaisesRegex(errors.ForkError, "spawn"):
                    use()
            self.assertEqual(model.info.classes, 200)
            explained.encode(style="panel")  # results are plain data

        self.in_child(work)
        self.assertEqual(model.explain(support.GOLDFISH).heatmap.shape, (8, 8))

    def test_closing_in_the_child_does_not_hang(self):
        kept = [support.small()]
        kept[0].explain(support.GOLDFISH, threads=2)

        def work():
            kept[0].close()
            kept.clear()
            gc.collect()

        self.in_child(work)
        kept[0].explain(support.GOLDFISH)

    def test_a_model_of_the_child(self):
        parent = support.small()
        wanted = parent.explain(support.GOLDFISH).heatmap.tobytes()

        def work():
            with support.small() as model:
                heatmap = model.explain(support.GOLDFISH, threads=2).heatmap
                self.assertEqual(heatmap.tobytes(), wanted)

        self.in_child(work)

    def test_spawned_workers(self):
        context = multiprocessing.get_context("spawn")
        paths = [support.GOLDFISH, support.KOALA]
        with context.Pool(2) as pool:
            found = pool.map(explain_in_worker, paths)
        with support.small() as model:
            for explained, path in zip(found, paths):
                wanted = model.explain(path)
                self.assertEqual(explained.heatmap.tobytes(), wanted.heatmap.tobytes())
                self.assertEqual(explained.target, wanted.target)


def explain_in_worker(path):
    with support.small() as model:
        return model.explain(path, threads=1)


class Search(unittest.TestCase):
    """Where the library is looked for, and what is said if it is not there."""

    def run_import(self, package=None, **changes):
        environment = {k: v for k, v in os.environ.items() if k != "VITLRP_LIBRARY"}
        environment.update(changes)
        if package:
            environment["PYTHONPATH"] = package
        code = "import vitlrp; print(vitlrp.version())"
        return subprocess.run(
            [sys.executable, "-B", "-c", code],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def copy_package(self, folder):
        target = os.path.join(folder, "vitlrp")
        os.mkdir(target)
        source = os.path.dirname(vitlrp.__file__)
        for name in os.listdir(source):
            if name.endswith(".py"):
                os.symlink(os.path.join(source, name), os.path.join(target, name))
        return target

    def test_the_variable(self):
        result = self.run_import(VITLRP_LIBRARY=os.path.relpath(support.LIBRARY))
        self.assertEqual((result.returncode, result.stdout), (0, vitlrp.version() + "\n"))

    def test_the_variable_names_nothing_usable(self):
        for path in ("/nowhere/libvitlrp.so", support.KOALA):
            result = self.run_import(VITLRP_LIBRARY=path)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(f"LibraryError: {path} cannot be loaded", result.stdout)
            self.assertIn("VITLRP_LIBRARY=build/src/api/libvitlrp.so", result.stdout)

    def test_another_library(self):
        result = self.run_import(VITLRP_LIBRARY=np.linalg._umath_linalg.__file__)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("has no vitlrp_version", result.stdout)

    def test_beside_the_package(self):
        with support.scratch() as folder:
            target = self.copy_package(folder)
            os.symlink(support.LIBRARY, os.path.join(target, "libvitlrp.so"))
            result = self.run_import(package=folder)
            self.assertEqual(result.returncode, 0, result.stdout)

    def test_the_system(self):
        with support.scratch() as folder:
            package = os.path.join(folder, "package")
            os.mkdir(package)
            self.copy_package(package)
            libraries = os.path.join(folder, "libraries")
            os.mkdir(libraries)
            os.symlink(support.LIBRARY, os.path.join(libraries, "libvitlrp.so.1"))
            result = self.run_import(package=package, LD_LIBRARY_PATH=libraries)
            self.assertEqual(result.returncode, 0, result.stdout)

    def test_versions_agree(self):
        self.assertEqual(vitlrp.__version__, vitlrp.version())


class ModuleOfTransformers(unittest.TestCase):
    """What from_torch reads of a module's configuration; stands in for torch's and transformers' classes."""

    LABELS = {"0": "ant", "1": "bee", "2": "cat"}

    class Layers(list):
        def modules(self):
            return iter([self, *self])

    def config(self, *sizes):
        text = json.dumps({"model_type": "vit", "id2label": self.LABELS})
        module = types.SimpleNamespace(config=types.SimpleNamespace(to_json_string=lambda: text))
        if sizes:
            module.classifier = self.Layers(types.SimpleNamespace(out_features=size) for size in sizes)
        return _modules._transformers(module).config

    def test_labels_of_the_head(self):
        self.assertEqual(self.config(3)["id2label"], self.LABELS)
        self.assertEqual(self.config(9, 3)["id2label"], self.LABELS)
        self.assertEqual(self.config()["id2label"], self.LABELS)

    def test_labels_of_a_head_that_is_no_more(self):
        self.assertNotIn("id2label", self.config(5))
        self.assertNotIn("id2label", self.config(3, 5))


if __name__ == "__main__":
    unittest.main()
