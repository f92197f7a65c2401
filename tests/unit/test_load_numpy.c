/* NumPy archives that are refused, each with its status and a word that says what is wrong. */
#include <string.h>

#include "support/load_checks.h"

#include "support/unit.h"

#define ARRAY(descr, order, shape)                                                                 \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }\n"

static void test_refused_arrays(void **unused) {
    static const struct {
        struct npz_entry entry;
        enum vitlrp_status status;
        const char *word;
    } CASES[] = {
        {{"a.npy", ARRAY("<f4", "False", "(2,)"), 7}, VITLRP_FORMAT, "array 'a.npy': truncated"},
        {{"a.npy", ARRAY("<f4", "False", "(2,)"), 9}, VITLRP_FORMAT, "left over"},
        {{"a.npy", ARRAY("<f1", "False", "(2,)"), 2}, VITLRP_UNSUPPORTED, "kind 'f1'"},
        {{"a.npy", ARRAY("<i3", "False", "(2,)"), 6}, VITLRP_UNSUPPORTED, "kind 'i3'"},
        {{"a.npy", ARRAY(">f4", "False", "(2,)"), 8}, VITLRP_UNSUPPORTED, "'>f4'"},
        {{"a.npy", ARRAY("|O", "False", "(2,)"), 8}, VITLRP_UNSUPPORTED, "'|O'"},
        {{"a.npy", ARRAY("<f4", "False", "(4294967296, 4294967296)"), 8},
         VITLRP_FORMAT,
         "overflows"},
        {{"a.npy", ARRAY("<f4", "False", "(4611686018427387904,)"), 8}, VITLRP_FORMAT, "longer"},
        {{"a.npy", "{'descr': '<f4'}\n", 8}, VITLRP_FORMAT, "not the dictionary"},
        {{"a.npy", NULL, 100}, VITLRP_FORMAT, "not an .npy file"},
        {{"a.npy", NULL, 0}, VITLRP_FORMAT, "not an .npy file"},
        {{".npy", ARRAY("<f4", "False", "(2,)"), 8}, VITLRP_FORMAT, "name is empty"},
    };
    (void) unused;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const struct npz_entry both[] = {CASES[i].entry, {"z.npy", ARRAY("<f4", "False", "()"), 4}};
        struct bytes bytes;
        npz_of_entries(both, 2, &bytes);
        expect_refused_free(&bytes, CASES[i].status, CASES[i].word);
    }
}

/* Every kind of number is known with its size: two of it are read as that many bytes, and the
 * refusal is about the archive, which holds no model; a byte less is too few. */
static void test_kinds_of_numbers(void **unused) {
    static const struct {
        const char *head;
        size_t size;
    } KINDS[] = {{ARRAY("<f4", "False", "(2,)"), 4}, {ARRAY("<f2", "False", "(2,)"), 2},
                 {ARRAY("<f8", "False", "(2,)"), 8}, {ARRAY("<i8", "False", "(2,)"), 8},
                 {ARRAY("<i4", "False", "(2,)"), 4}, {ARRAY("<i2", "False", "(2,)"), 2},
                 {ARRAY("|i1", "False", "(2,)"), 1}, {ARRAY("<u8", "False", "(2,)"), 8},
                 {ARRAY("<u4", "False", "(2,)"), 4}, {ARRAY("<u2", "False", "(2,)"), 2},
                 {ARRAY("|u1", "False", "(2,)"), 1}, {ARRAY("|b1", "False", "(2,)"), 1}};
    const struct vit_load_options options = {.heads = 2};
    (void) unused;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        struct npz_entry entry = {"a.npy", KINDS[i].head, 2 * KINDS[i].size};
        struct bytes bytes;
        struct vit_model *model = NULL;
        struct vitlrp_error err = {0};
        npz_of_entries(&entry, 1, &bytes);
        assert_true(vit_model_load_memory(bytes.data, bytes.size, "made.npz", &options, &model,
                                          &err) != VITLRP_OK);
        if (strstr(err.message, "'a.npy'") != NULL) {
            fail_msg("%s", err.message);
        }
        bytes_free(&bytes);
        entry.data_size--;
        npz_of_entries(&entry, 1, &bytes);
        expect_refused_free(&bytes, VITLRP_FORMAT, "array 'a.npy': truncated");
    }
}

static void test_refused_entries(void **unused) {
    static const struct npz_entry STRANGER[] = {{"a.npy", ARRAY("<f4", "False", "()"), 4},
                                                {"readme.txt", NULL, 4}};
    static const struct npz_entry TWICE[] = {{"a.npy", ARRAY("<f4", "False", "()"), 4},
                                             {"a.npy", ARRAY("<f4", "False", "()"), 4}};
    struct bytes bytes;
    (void) unused;
    npz_of_entries(STRANGER, 2, &bytes);
    expect_refused_free(&bytes, VITLRP_UNSUPPORTED, "'readme.txt' is no array");
    npz_of_entries(TWICE, 2, &bytes);
    expect_refused_free(&bytes, VITLRP_FORMAT, "twice");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_arrays),
        cmocka_unit_test(test_kinds_of_numbers),
        cmocka_unit_test(test_refused_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
