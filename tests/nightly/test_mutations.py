"""The faults of mutation_operators.py: which ones a small file has, that they change nothing else, and that a list of
equivalent ones is read. usage: test_mutations.py"""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import mutation_operators  # noqa: E402
import mutations  # noqa: E402

TEXT = r'''/* a < b */
#define LARGER(a, b) ((a) > (b) ? (a) : \
                      (b) + 1)
static const int TABLE[2] = {1, 2};

static enum status first(const float *values, size_t count, struct error *err) {
    char text[64];
    float sum = 0.0F; // a - b
    for (size_t i = 0; i < count; i++) {
        sum += fminf(values[i], 1.0F) * 2.0F;
    }
    if (count == 0 || *values > 3) {
        return fail(err, FORMAT, "%zu < %zu", count - 1, count);
    }
    TRY(check(text, "x + y", sum < 5.0F ? 1 : 2));
    assert(count < 7);
    mem_free(text);
    return OK;
}

bool second(const struct pair *pair) {
    float *copy = mem_calloc(pair->count + 1, sizeof *copy);
    if (copy == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory");
    }
    return !pair->valid && true;
}

void pair_free(struct pair *pair) {
    pair->count = 0;
}
'''
FIRST = {
    ("boundary", "for (size_t i = 0; i <= count; i++) {"),
    ("comparison", "for (size_t i = 0; i >= count; i++) {"),
    ("arithmetic", "sum -= fminf(values[i], 1.0F) * 2.0F;"),
    ("extreme", "sum += fmaxf(values[i], 1.0F) * 2.0F;"),
    ("index", "sum += fminf(values[i + 1], 1.0F) * 2.0F;"),
    ("constant", "sum += fminf(values[i], (1.0F + 1)) * 2.0F;"),
    ("arithmetic", "sum += fminf(values[i], 1.0F) / 2.0F;"),
    ("statement", ";"),
    ("comparison", "if (count != 0 || *values > 3) {"),
    ("logic", "if (count == 0 && *values > 3) {"),
    ("boundary", "if (count == 0 || *values >= 3) {"),
    ("comparison", "if (count == 0 || *values <= 3) {"),
    ("constant", "if (count == 0 || *values > 4) {"),
    ("constant", "if (count == 1 || *values > 3) {"),
    ("condition", "if (!(count == 0 || *values > 3)) {"),
    ("return", ";"),
    ("try", '(void) (check(text, "x + y", sum < 5.0F ? 1 : 2));'),
    ("condition", 'TRY(check(text, "x + y", !(sum < 5.0F) ? 1 : 2));'),
    ("boundary", 'TRY(check(text, "x + y", sum <= 5.0F ? 1 : 2));'),
    ("constant", 'TRY(check(text, "x + y", sum < 5.0F ? 1 : 3));'),
}
LEFT_OUT = ("TABLE", "char text", "/*", "//", "LARGER", "assert", "mem_free", "fail(", "mem_calloc", "copy == NULL")


class Operators(unittest.TestCase):
    def setUp(self):
        self.source = mutation_operators.Source("x.c", TEXT)
        self.found = {function.name: self.source.mutants(function) for function in self.source.functions}

    def test_functions_and_their_faults(self):
        self.assertEqual(list(self.found), ["first", "second"])
        self.assertEqual(FIRST - {(mutant.operator, mutant.after) for mutant in self.found["first"]}, set())
        second = {"return pair->valid && true;", "return !pair->valid || true;", "return !pair->valid && false;"}
        self.assertEqual({mutant.after for mutant in self.found["second"]}, second)

    def test_what_is_left_out(self):
        for mutant in sum(self.found.values(), []):
            if mutant.operator != "return" and "float sum" not in mutant.before:
                self.assertFalse([word for word in LEFT_OUT if word in mutant.before], mutant.shown())

    def test_one_place_is_changed_and_lines_stay(self):
        keys = set()
        for mutant in sum(self.found.values(), []):
            changed = mutant.applied(TEXT)
            self.assertEqual(changed.count("\n"), TEXT.count("\n"))
            self.assertEqual(changed[:mutant.begin], TEXT[:mutant.begin])
            self.assertTrue(changed.endswith(TEXT[mutant.end:]))
            self.assertNotEqual(changed, TEXT)
            keys.add(mutant.key)
        self.assertEqual(len(keys), sum(map(len, self.found.values())))

    def test_keys_change_with_their_function_only(self):
        moved = mutation_operators.Source("x.c", "int zero(void) {\n    return 0;\n}\n" + TEXT.replace("> 3", "> 9"))
        keys = {function.name: {mutant.key for mutant in moved.mutants(function)} for function in moved.functions}
        self.assertEqual(keys["second"], {mutant.key for mutant in self.found["second"]})
        self.assertFalse(keys["first"] & {mutant.key for mutant in self.found["first"]})


class Scores(unittest.TestCase):
    def test_rooms_of_all_files(self):
        found = mutations.sources()
        self.assertGreater(len(found), 200)
        self.assertEqual({mutations.room_of(source.path)[0] for source in found}, {room[0] for room in mutations.ROOMS})

    def test_order_takes_every_function_first(self):
        found = mutations.chosen(mutations.sources(), "vit/ops")
        functions = [(mutant.path, mutant.function) for mutant in found]
        count = len(set(functions))
        self.assertGreater(count, 60)
        self.assertEqual(len(set(functions[:count])), count)

    def test_equivalent_ones_still_have_their_lines(self):
        listed = set(mutations.equivalents())
        sources = [mutation_operators.source_of(mutations.ROOT, path) for path in {entry[0] for entry in listed}]
        found = mutations.chosen(sources, "")
        lines = {(mutant.path, mutant.function, mutant.before, mutant.after) for mutant in found}
        self.assertEqual(listed - lines, set())

    def test_score(self):
        counts = {"killed": 17, "timeout": 1, "survived": 2, "equivalent": 5}
        self.assertAlmostEqual(mutations.score({**dict.fromkeys(mutations.COLUMNS, 0), **counts}), 0.9)


if __name__ == "__main__":
    unittest.main()
