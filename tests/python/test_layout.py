"""_capi.py against the headers in include: every field, enumerator and parameter. ctypes believes what it
is told, and a field too few is written over somebody else's memory."""

import ctypes
import inspect
import os
import re
import subprocess
import unittest

import header
import support
from vitlrp import _capi, _library, _settings, errors

HERE = os.path.dirname(os.path.abspath(__file__))
INTEGERS = {
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint8_t": ctypes.c_uint8,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "char": ctypes.c_char,
    "unsigned char": ctypes.c_ubyte,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
}
STRUCTS = {
    name: kind
    for name, kind in vars(_capi).items()
    if inspect.isclass(kind) and issubclass(kind, ctypes.Structure) and kind is not ctypes.Structure
}
STRUCTS["EvalOptions"] = _settings.EvalOptions  # with what _capi has not declared yet
FUNCTION_POINTER = type(_capi.LogWrite)


def c_name(python_name):
    """ModelInfo -> vitlrp_model_info"""
    return "vitlrp" + "".join(f"_{c.lower()}" if c.isupper() else c for c in python_name)


def python_name(c_name):
    return "".join(part.capitalize() for part in c_name.split("_")[1:])


def meanings(c_type):
    """The ctypes types that may stand for a C type."""
    words = [word for word in c_type.split() if word != "const"]
    stars = words.count("*")
    base = " ".join(word for word in words if word != "*")
    if base.endswith("]"):
        base, count = base[:-1].split("[")
        length = getattr(_capi, count[7:]) if count.startswith("VITLRP_") else int(count)
        if base.startswith("struct ") and "*" not in base:
            return {kind * length for kind in meanings(base)}
        kind = ctypes.c_void_p if "*" in base else INTEGERS[base]
        return {kind * length}
    if base == "void":
        found = {1: {ctypes.c_void_p}, 0: {None}}[min(stars, 1)]
        stars -= 1
    elif base == "char" and stars > 0:
        found = {ctypes.c_char_p, ctypes.c_void_p}
        stars -= 1
    elif base.startswith("struct ") and python_name(base[7:]) in STRUCTS:
        name = python_name(base[7:])
        found = {STRUCTS[name], getattr(_capi, name)}
    elif base.startswith("struct "):
        found = {getattr(_capi, python_name(base[7:]) + "Pointer")}
        stars -= 1
    else:
        found = {ctypes.c_int if base.startswith("enum ") else INTEGERS[base]}
    for _ in range(stars):
        found = {ctypes.POINTER(kind) for kind in found}
    return found


class Layout(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.header = header.Header(os.path.join(support.SOURCE, "include"))
        told = subprocess.run([os.environ["VITLRP_LAYOUT"]], stdout=subprocess.PIPE, check=True)
        cls.sizes, cls.fields, cls.values = {}, {}, {}
        for kind, name, *rest in (line.split() for line in told.stdout.decode().splitlines()):
            if kind == "struct":
                cls.sizes[name] = int(rest[0])
            elif kind == "field":
                cls.fields.setdefault(name, {})[rest[0]] = (int(rest[1]), int(rest[2]))
            else:
                cls.values[name] = int(rest[0])

    def test_metrics(self):
        """The header names every metric that the library knows, and no other."""
        def read(*path):
            with open(os.path.join(support.SOURCE, *path), encoding="utf-8") as file:
                return file.read()

        known = re.findall(r"\[EVAL_\w+\] = \"(\w+)\"", read("eval", "metric.c"))
        text = read("include", "vitlrp_eval.h").partition("/* A metric of a method: ")[2].partition("*/")[0]
        self.assertGreater(len(known), 20)
        self.assertEqual(re.findall(r"\"(\w+)\"", text), [*known, "paired_delta_logit", "paired_delta_prob"])

    def test_structures(self):
        self.assertGreater(len(STRUCTS), 20)
        for name, kind in STRUCTS.items():
            wanted = self.fields[c_name(name)]
            found = {
                field: (getattr(kind, field).offset, getattr(kind, field).size)
                for field, *_ in kind._fields_
            }
            self.assertEqual(found, wanted, name)
            self.assertEqual(list(found), list(wanted), name)
            self.assertEqual(ctypes.sizeof(kind), self.sizes[c_name(name)], name)

    def test_types_of_fields(self):
        for name, kind in STRUCTS.items():
            declared = dict(self.header.structs[c_name(name)])
            for field, found in kind._fields_:
                if declared[field] == "function":
                    self.assertIsInstance(found, FUNCTION_POINTER, f"{name}.{field}")
                else:
                    self.assertIn(found, meanings(declared[field]), f"{name}.{field}")

    def test_enumerations(self):
        without = {"vitlrp_topic", "vitlrp_method_reads"}
        for enumeration in set(self.header.enums) - without:
            name = enumeration[len("vitlrp_") :]
            words = _library.words(name)
            declared = self.header.enums[enumeration]
            declared = [constant for constant in declared if constant != "VITLRP_ROLE_COUNT"]
            self.assertEqual(len(words), len(declared), name)
            for value, (word, constant) in enumerate(zip(words, declared)):
                self.assertTrue(constant.lower().endswith("_" + word.replace("-", "_")), f"{constant}, {word}")
                self.assertEqual(self.values[constant], value, constant)
        for word, flag in _capi.METHOD_READS.items():
            self.assertEqual(self.values[f"VITLRP_READS_{word.upper()}"], flag)
        self.assertEqual(len(_capi.METHOD_READS), len(self.header.enums["vitlrp_method_reads"]))

    def test_an_exception_for_every_status(self):
        words = tuple(error.status for error in errors.BY_STATUS)
        self.assertEqual(("ok", *words), _library.words("status"))

    def test_functions(self):
        self.assertGreater(len(_capi.FUNCTIONS), 40)
        for name, (result, parameters) in _capi.FUNCTIONS.items():
            declared_result, declared = self.header.functions[name]
            self.assertIn(result, meanings(declared_result), name)
            self.assertEqual(len(parameters), len(declared), name)
            for place, (found, wanted) in enumerate(zip(parameters, declared)):
                self.assertIn(found, meanings(wanted), f"{name}, parameter {place}: {wanted}")

    def test_wrong_declarations_are_found(self):
        """The check itself: what it must refuse."""
        self.assertNotIn(ctypes.c_int64, meanings("int32_t"))
        self.assertNotIn(_capi.SessionPointer, meanings("const struct vitlrp_model *"))
        self.assertNotIn(ctypes.c_float, meanings("float *"))
        self.assertNotIn(ctypes.POINTER(_capi.Map), meanings("struct vitlrp_target *"))
        self.assertNotIn(ctypes.c_char * 511, meanings("char[512]"))
        self.assertIn(ctypes.POINTER(_capi.ModelPointer), meanings("struct vitlrp_model * *"))


class BinaryInterface(unittest.TestCase):
    """Programs that were compiled with an earlier header of interface 1: abi_1.txt is what layout_dump printed
    for it (64 bits). A field is only added at the end of a record with a struct_size, and makes it larger.
    Until 0.2.0 is out the file may be made anew; afterwards lines are only added."""

    @classmethod
    def setUpClass(cls):
        told = subprocess.run([os.environ["VITLRP_LAYOUT"]], stdout=subprocess.PIPE, check=True)
        cls.now = {cls.key(line): line for line in told.stdout.decode().splitlines()}
        with open(os.path.join(HERE, "abi_1.txt"), encoding="utf-8") as file:
            cls.then = {cls.key(line): line for line in file.read().splitlines()}
        cls.header = header.Header(os.path.join(support.SOURCE, "include"))

    @staticmethod
    def key(line):
        words = line.split()
        return tuple(words[: 3 if words[0] == "field" else 2])

    def growable(self, struct):
        return self.header.structs[struct][0][0] == "struct_size"

    @staticmethod
    def differences(then, now, growable):
        """What a program that was compiled `then` would find changed `now`."""
        found = []
        for key, line in then.items():
            present = now.get(key, "")
            if present == line or key[1].endswith("ROLE_COUNT"):
                continue
            grew = key[0] == "struct" and present and int(present.split()[2]) > int(line.split()[2])
            if not (grew and growable(key[1])):
                found.append(f"{line} -> {present}")
        return found

    @unittest.skipUnless(ctypes.sizeof(ctypes.c_void_p) == 8, "abi_1.txt is of 64 bits")
    def test_nothing_moved(self):
        self.assertEqual(self.differences(self.then, self.now, self.growable), [])

    def test_new_fields_make_records_larger(self):
        """No bytes behind the last field, where an older program would not have set a new one."""
        for struct in filter(self.growable, self.header.structs):
            last = self.header.structs[struct][-1][0]
            start, size = map(int, self.now["field", struct, last].split()[3:])
            whole = int(self.now["struct", struct].split()[2])
            self.assertEqual(start + size, whole, f"{struct} ends with padding")

    def test_changes_are_found(self):
        """The check itself."""
        moved = {**self.then, ("field", "vitlrp_map", "width"): "field vitlrp_map width 16 4"}
        self.assertEqual(len(self.differences(self.then, moved, self.growable)), 1)
        larger = {**self.then, ("struct", "vitlrp_map"): "struct vitlrp_map 40"}
        self.assertEqual(len(self.differences(self.then, larger, self.growable)), 1)
        grown = {**self.then, ("struct", "vitlrp_model_info"): "struct vitlrp_model_info 4096"}
        self.assertEqual(self.differences(self.then, grown, self.growable), [])
