/* Folders of maps that were made elsewhere: which file, which shapes, and what is refused. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/little_endian.h"
#include "base/npy.h"
#include "eval/map_folder.h"
#include "support/scratch.h"

#include "support/unit.h"

/* 2 x 3 patches of 2 x 2 pixels. */
static struct map_folder folder_in(const struct scratch *scratch) {
    return (struct map_folder){
        .path = scratch->path,
        .grid = {.rows = 2, .columns = 3, .patch_height = 2, .patch_width = 2}};
}

/* A file with 0, 1, 2... in that shape. */
static void write_ramp(const struct scratch *scratch, const char *name, size_t rank,
                       const size_t *shape) {
    struct vitlrp_error err = {0};
    struct bytes file;
    float values[64];
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        count *= shape[i];
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = (float) i;
    }
    assert_int_equal(npy_encode_float32(values, rank, shape, &file, &err), VITLRP_OK);
    scratch_write(scratch, name, file.data, file.size);
    bytes_free(&file);
}

/* A file with that dictionary and six numbers of that size behind it. */
static void write_raw(const struct scratch *scratch, const char *name, const char *dictionary,
                      const void *data, size_t item_size) {
    unsigned char file[1024] = "\x93NUMPY\x01";
    size_t length = strlen(dictionary);
    file[8] = (unsigned char) length;
    memcpy(file + 10, dictionary, length);
    little_endian_copy(file + 10 + length, data, item_size, 6);
    scratch_write(scratch, name, file, 10 + length + 6 * item_size);
}

static enum vitlrp_status read_map(const struct scratch *scratch, const char *id, float patches[6],
                                   struct vitlrp_error *err) {
    struct map_folder folder = folder_in(scratch);
    char digest[SHA256_TEXT] = "";
    enum vitlrp_status status = map_folder_read(&folder, id, patches, digest, err);
    assert_true(status != VITLRP_OK || sha256_is_text(digest));
    return status;
}

static void refuses(const struct scratch *scratch, const char *id, enum vitlrp_status expected,
                    const char *words) {
    struct vitlrp_error err = {0};
    float patches[6];
    assert_int_equal(read_map(scratch, id, patches, &err), expected);
    if (strstr(err.message, words) == NULL) {
        fail_msg("'%s' does not say '%s'", err.message, words);
    }
}

static void test_shapes(void **unused) {
    static const size_t PATCHES[] = {1, 2, 3};
    static const size_t PIXELS[] = {4, 6};
    struct scratch scratch = scratch_open();
    struct vitlrp_error err = {0};
    float patches[6];
    (void) unused;
    write_ramp(&scratch, "a.npy", 3, PATCHES);
    assert_int_equal(read_map(&scratch, "a.jpg", patches, &err), VITLRP_OK);
    for (size_t i = 0; i < 6; i++) {
        assert_true(patches[i] == (float) i);
    }
    write_ramp(&scratch, "b.npy", 2, PIXELS);
    assert_int_equal(read_map(&scratch, "b.jpg", patches, &err), VITLRP_OK);
    for (size_t p = 0; p < 6; p++) {
        size_t corner = p / 3 * 12 + p % 3 * 2; /* of 6 pixels a row: 4 values around it */
        assert_true(patches[p] == (float) (4 * corner + 1 + 6 + 7));
    }
    double wide[6] = {0.5, -1.0, 2.0, 3.0, 4.0, 5.0};
    write_raw(&scratch, "c.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n",
              wide, sizeof *wide);
    assert_int_equal(read_map(&scratch, "c.jpg", patches, &err), VITLRP_OK);
    assert_true(patches[0] == 0.5F && patches[1] == -1.0F && patches[5] == 5.0F);
    scratch_close(&scratch);
}

/* The whole name wins over its stem, the folders of the image over none. */
static void test_names(void **unused) {
    static const char *const NAMES[] = {"x.raw.npy", "x.npy", "d/x.raw.npy", "d/x.npy",
                                        "d/x.jpg.npy"};
    static const size_t PATCHES[] = {2, 3};
    struct scratch scratch = scratch_open();
    struct vitlrp_error err = {0};
    float patches[6];
    (void) unused;
    refuses(&scratch, "d/x.jpg", VITLRP_MISMATCH, "no map of d/x.jpg");
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        float values[6] = {(float) i};
        struct bytes file;
        assert_int_equal(npy_encode_float32(values, 2, PATCHES, &file, &err), VITLRP_OK);
        scratch_write(&scratch, NAMES[i], file.data, file.size);
        bytes_free(&file);
        assert_int_equal(read_map(&scratch, "d/x.jpg", patches, &err), VITLRP_OK);
        assert_true(patches[0] == (float) i);
    }
    scratch_close(&scratch);
}

static void test_refused(void **unused) {
    static const size_t TURNED[] = {3, 2};
    static const size_t TURNED_PIXELS[] = {6, 4};
    static const size_t LONGER[] = {2, 3, 1};
    static const size_t OTHER[] = {2, 4};
    struct scratch scratch = scratch_open();
    float values[6] = {0.0F, 1.0F, NAN, 3.0F, 4.0F, 5.0F};
    (void) unused;
    write_ramp(&scratch, "turned.npy", 2, TURNED);
    refuses(&scratch, "turned.jpg", VITLRP_MISMATCH, "transposed");
    write_ramp(&scratch, "pixels.npy", 2, TURNED_PIXELS);
    refuses(&scratch, "pixels.jpg", VITLRP_MISMATCH, "transposed");
    write_ramp(&scratch, "longer.npy", 3, LONGER);
    refuses(&scratch, "longer.jpg", VITLRP_MISMATCH, "(2, 3, 1)");
    write_ramp(&scratch, "other.npy", 2, OTHER);
    refuses(&scratch, "other.jpg", VITLRP_MISMATCH, "has (2, 3), its patches, or (4, 6)");
    write_raw(&scratch, "nan.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
              values, sizeof *values);
    refuses(&scratch, "nan.jpg", VITLRP_NUMERIC, "patch (0, 2)");
    write_raw(&scratch, "order.npy", "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n",
              values, sizeof *values);
    refuses(&scratch, "order.jpg", VITLRP_MISMATCH, "Fortran");
    write_raw(&scratch, "whole.npy",
              "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }\n", values,
              sizeof *values);
    refuses(&scratch, "whole.jpg", VITLRP_MISMATCH, "float32 or float64");
    scratch_write(&scratch, "text.npy", "no array", 8);
    refuses(&scratch, "text.jpg", VITLRP_FORMAT, "text.npy");
    scratch_close(&scratch);
}

static void test_all(void **unused) {
    static const size_t PATCHES[] = {2, 3};
    const struct eval_item items[] = {
        {.id = "d/x.jpg", .index = 0}, {.id = "y.jpg", .index = 1}, {.id = "e/x.jpg", .index = 2}};
    struct scratch scratch = scratch_open();
    struct map_folder folder = folder_in(&scratch);
    struct vitlrp_error err = {0};
    (void) unused;
    write_ramp(&scratch, "d/x.npy", 2, PATCHES);
    write_ramp(&scratch, "y.npy", 2, PATCHES);
    assert_int_equal(map_folder_check(&folder, items, 2, &err), VITLRP_OK);
    assert_int_equal(map_folder_check(&folder, items, 3, &err), VITLRP_MISMATCH);
    assert_non_null(strstr(err.message, "no map of e/x.jpg"));
    write_ramp(&scratch, "x.npy", 2, PATCHES);
    assert_int_equal(map_folder_check(&folder, items, 3, &err), VITLRP_OK);
    const struct eval_item twice[] = {{.id = "f/x.jpg", .index = 0}, {.id = "e/x.jpg", .index = 1}};
    assert_int_equal(map_folder_check(&folder, twice, 2, &err), VITLRP_MISMATCH);
    assert_non_null(strstr(err.message, "f/x.jpg"));
    assert_non_null(strstr(err.message, "e/x.jpg"));
    folder.path = "no such folder";
    assert_int_equal(map_folder_check(&folder, items, 2, &err), VITLRP_IO);
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
