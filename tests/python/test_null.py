"""Every function of the public headers with NULL in the place of each pointer, and in all of them: none may
end the process. The calls are made from the headers, so a new function is tested without a line here."""

import ctypes
import os
import subprocess
import unittest

import header
import support

LIBRARY = ctypes.CDLL(support.LIBRARY)
CLIP = os.path.join(support.SOURCE, "tests", "golden", "words", "clip-quickgelu", "huggingface")
ROOM = 1 << 16  # bytes behind a pointer to numbers: more than any function here writes
SCALARS = {"float": ctypes.c_float(0.5), "double": ctypes.c_double(0.5)}
# Values that keep a measurement short.
FIELDS = {"vitlrp_eval_cost": {"images": 1, "methods": 1, "steps": 1}}
HANDLES = (
    "vitlrp_model",
    "vitlrp_image",
    "vitlrp_session",
    "vitlrp_text",
    "vitlrp_removal",
    "vitlrp_dataset",
    "vitlrp_evaluation",
    "vitlrp_concepts",
    "vitlrp_concepts_builder",
)
STATUS_OK = 0
INTERNAL = 10  # the last status: a bug of the library's


class Arguments:
    """Valid arguments, by their C types. Made in the child that uses them."""

    def __init__(self, layout, functions, index):
        self.sizes, self.fields = layout
        self.functions = functions
        self.index = index  # a folder of the command, whose units keep one image
        self.kept = []
        self.handles = {}
        self.data = ctypes.create_string_buffer(support.DATA.encode())

    def open(self, name, *arguments):
        """A handle from the function that makes it."""
        handle = ctypes.c_void_p()
        if getattr(LIBRARY, name)(*arguments, ctypes.byref(handle), None) != STATUS_OK:
            raise AssertionError(f"{name} failed")
        return handle

    def make(self, struct):
        if struct == "vitlrp_model":
            return self.open("vitlrp_model_open", support.small_model.PATH.encode(), None)
        if struct == "vitlrp_image":
            return self.open("vitlrp_image_from_rgb", ctypes.create_string_buffer(12), 2, 2)
        if struct == "vitlrp_session":
            options = self.record("vitlrp_session_options", threads=1)
            return self.open("vitlrp_session_open", self.handle("vitlrp_model"), options)
        if struct == "vitlrp_text":
            encoder = self.open("vitlrp_model_open", CLIP.encode(), None)
            prompts = (ctypes.c_char_p * 2)(None, b"a red bus")
            model = self.open("vitlrp_model_with_texts", encoder, prompts, ctypes.c_size_t(1), None)
            return self.open("vitlrp_text_open", model, 0, None)
        if struct == "vitlrp_removal":
            options = self.record("vitlrp_removal_options", threads=1)
            zeros = ctypes.create_string_buffer(ROOM)
            return self.open("vitlrp_removal_open", self.handle("vitlrp_model"), options, zeros)
        if struct == "vitlrp_concepts":
            return self.open("vitlrp_concepts_open", os.fsencode(self.index))
        if struct == "vitlrp_concepts_builder":
            method = ctypes.create_string_buffer(self.sizes["vitlrp_method_options"])
            size = ctypes.c_size_t(len(method))
            LIBRARY.vitlrp_method_options_init_sized(method, size, b"attnlrp", None)
            self.kept.append(method)
            pointers = {name: self.handle("vitlrp_" + name).value for name in ("dataset", "session")}
            options = self.record("vitlrp_concepts_options", method=ctypes.addressof(method), **pointers)
            return self.open("vitlrp_concepts_make", self.handle("vitlrp_model"), options)
        path = ctypes.addressof(self.data)
        if struct == "vitlrp_dataset":
            options = self.record("vitlrp_dataset_options", path=path)
            return self.open("vitlrp_dataset_open", self.handle("vitlrp_model"), options)
        options = self.record("vitlrp_eval_options", dataset=path, steps=1, threads=1, limit=1)
        return self.open("vitlrp_evaluate", self.handle("vitlrp_model"), options)

    def handle(self, struct):
        """An object of the library's, made when it is first needed."""
        if struct not in self.handles:
            self.handles[struct] = self.make(struct)
        return self.handles[struct]

    @staticmethod
    def slot():
        return ctypes.c_void_p()

    def set(self, record, struct, field, value):
        offset, size = self.fields[struct][field]
        kind = ctypes.c_int32 if size == 4 else ctypes.c_uint64
        kind.from_buffer(record, offset).value = value

    def record(self, struct, **values):
        """A record of the struct, initialised if the headers have a function for it."""
        record = ctypes.create_string_buffer(self.sizes[struct])
        init = struct + "_init_sized"
        if len(self.functions.get(init, (None, ()))[1]) == 2:
            getattr(LIBRARY, init)(record, ctypes.c_size_t(len(record)))
        for field, value in {**FIELDS.get(struct, {}), **values}.items():
            self.set(record, struct, field, value)
        return record

    def of(self, c_type):
        words = [word for word in c_type.split() if word != "const"]
        stars = words.count("*")
        base = [word for word in words if word != "*"]
        if stars == 0:
            value = SCALARS.get(base[0], ctypes.c_size_t(1))
        elif base[0] == "struct" and base[1] in HANDLES:
            value = self.handle(base[1])
            if stars == 2:
                value = ctypes.byref(value if "const" in c_type else self.slot())
        elif base[0] == "struct":
            value = self.record(base[1])
        elif base == ["char"] and stars == 1 and "const" in c_type:
            value = ctypes.create_string_buffer(b"attnlrp")
        else:
            value = ctypes.create_string_buffer(ROOM)
        self.kept.append(value)
        return value


def call_all(name, types, result, arguments, say):
    function = getattr(LIBRARY, name)
    function.restype = ctypes.c_int if result.startswith("enum") else ctypes.c_void_p
    pointers = [place for place, c_type in enumerate(types) if "*" in c_type]
    for missing in [[place] for place in pointers] + [pointers]:
        say(f"{name} with NULL as argument {', '.join(str(p + 1) for p in missing)}\n")
        given = [None if p in missing else arguments.of(c_type) for p, c_type in enumerate(types)]
        status = function(*given)
        if function.restype is ctypes.c_int and not 0 <= status < INTERNAL:
            say(f"status {status}\n")
            os._exit(1)


class Null(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.functions = header.Header(os.path.join(support.SOURCE, "include")).functions
        told = subprocess.run([os.environ["VITLRP_LAYOUT"]], stdout=subprocess.PIPE, check=True)
        sizes, fields = {}, {}
        for kind, name, *rest in (line.split() for line in told.stdout.decode().splitlines()):
            if kind == "struct":
                sizes[name] = int(rest[0])
            elif kind == "field":
                fields.setdefault(name, {})[rest[0]] = (int(rest[1]), int(rest[2]))
        cls.layout = (sizes, fields)
        folder = support.scratch()
        cls.addClassCleanup(folder.__exit__, None, None, None)
        cls.index = os.path.join(folder.__enter__(), "index")
        support.command("concepts", support.DATA, "-o", cls.index, "--limit", "1", "--keep", "1", "-q")

    def child(self, name):
        """How a process ends that calls the function, and what it said last."""
        result, types = self.functions[name]
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            try:
                os.close(reading)
                arguments = Arguments(self.layout, self.functions, self.index)
                call_all(name, types, result, arguments, lambda text: os.write(writing, text.encode()))
                os._exit(0)
            except BaseException as error:
                os.write(writing, f"{name}: {error}\n".encode())
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read().decode()
        return os.waitpid(process, 0)[1], said

    def test_every_function(self):
        self.assertGreater(len(self.functions), 70)
        for name, (_, types) in self.functions.items():
            if any("*" in c_type for c_type in types):
                end, said = self.child(name)
                with self.subTest(name):
                    self.assertEqual(end, 0, said.splitlines()[-1] if said else "nothing was called")


if __name__ == "__main__":
    unittest.main()
