/* The lowest layer: numbers, text, sizes, files, .npy, JSON, SHA-256 and the pool. */
#define _GNU_SOURCE
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/clock.h"
#include "base/field.h"
#include "base/file.h"
#include "base/json.h"
#include "base/json_compare.h"
#include "base/json_scan.h"
#include "base/left_out.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "base/naming.h"
#include "base/npy.h"
#include "base/parse.h"
#include "base/pool.h"
#include "base/resample.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/words.h"
#include "vitlrp.h"

#include "support/unit.h"

static void test_integers_are_parsed_strictly(void **unused) {
    static const char *const bad[] = {
        "", "-", "+1", "1x", " 1", "1 ", "0x10", "1.", "1e3", "--1", "9223372036854775808"};
    int64_t value = 7;
    (void) unused;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse_int64(bad[i], INT64_MIN, INT64_MAX, &value));
    }
    assert_int_equal(value, 7);
    assert_true(parse_int64("-9223372036854775808", INT64_MIN, INT64_MAX, &value));
    assert_true(value == INT64_MIN);
    assert_true(parse_int64("0012", 0, 12, &value) && value == 12);
    assert_false(parse_int64("13", 0, 12, &value));
    assert_true(parse_bytes_span("8GiBxx", 4, 1, INT64_MAX, &value) && value == (int64_t) 8 << 30);
    assert_true(parse_bytes_span("3KiB", 4, 1, 3072, &value) && value == 3072);
    assert_true(parse_bytes_span("17", 2, 1, 17, &value) && value == 17);
    assert_false(parse_bytes_span("3KiB", 4, 1, 3071, &value));
    assert_false(parse_bytes_span("KiB", 3, 0, 10, &value));
    assert_false(parse_bytes_span("1kib", 4, 0, INT64_MAX, &value));
    assert_false(parse_bytes_span("9223372036GiB", 13, 0, INT64_MAX, &value));
}

/* Row n07 of the table of bad inputs: times are of the clock that nobody sets, else one that is set
 * back makes them negative. checks/banned keeps all others out. */
static void test_n07_clock_only_goes_forward(void **unused) {
    struct timespec before;
    struct timespec after;
    (void) unused;
    clock_gettime(CLOCK_MONOTONIC, &before);
    double seconds = clock_seconds();
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true((double) before.tv_sec + 1e-9 * (double) before.tv_nsec <= seconds);
    assert_true(seconds <= (double) after.tv_sec + 1e-9 * (double) after.tv_nsec);
}

static void test_numbers_are_parsed_strictly(void **unused) {
    static const char *const bad[] = {"", "nan", "inf", "1e400", "0x1p3", "1,5", "1.5x", ".", " 1"};
    double value = 7.0;
    (void) unused;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse_double(bad[i], -1e300, 1e300, &value));
    }
    assert_true(value == 7.0);
    assert_true(parse_double("2.5e-1", 0.0, 1.0, &value) && value == 0.25);
    assert_false(parse_double("-0.1", 0.0, 1.0, &value));
}

static void test_sizes_do_not_wrap(void **unused) {
    size_t out = 3;
    (void) unused;
    assert_false(checked_mul(&out, SIZE_MAX / 2, 3));
    assert_false(checked_add(&out, SIZE_MAX, 1));
    assert_false(checked_align(&out, SIZE_MAX - 1, 64));
    assert_int_equal(out, 3);
    assert_true(checked_align(&out, 65, 64) && out == 128);
    assert_null(mem_calloc(SIZE_MAX / 2, 4));
    assert_null(mem_alloc_aligned(SIZE_MAX, 1));
}

static void test_measured_arena_fits_exactly(void **unused) {
    struct arena measuring = arena_measuring();
    (void) unused;
    assert_null(arena_take(&measuring, 3, 100));
    assert_null(arena_take(&measuring, 1, 1));
    void *block = mem_alloc_aligned(measuring.used, 1);
    struct arena arena = arena_over(block, measuring.used);
    unsigned char *first = arena_take(&arena, 3, 100);
    unsigned char *second = arena_take(&arena, 1, 1);
    assert_non_null(first);
    assert_true(second >= first + 300);
    assert_int_equal((uintptr_t) second % MEM_ALIGNMENT, 0);
    assert_null(arena_take(&arena, 1, 1));
    assert_true(arena.overflow);
    mem_free(block);
    struct arena wrapping = arena_measuring();
    arena_take(&wrapping, SIZE_MAX / 2, 4);
    assert_true(wrapping.overflow);
}

static void test_text_stops_at_its_limit(void **unused) {
    struct text text = {.limit = 8};
    (void) unused;
    text_append_string(&text, "1234567");
    assert_false(text.failed);
    assert_string_equal(text.data, "1234567");
    text_append_string(&text, "8");
    assert_true(text.failed);
    assert_string_equal(text.data, "1234567");
    text_free(&text);
}

/* Rows f05 and n01 of the table of bad inputs: what a terminal obeys, wherever it is printed. */
/* A text that memory was short for is not too long. */
static void test_f25_reasons_of_a_failed_text(void **unused) {
    const struct text whole = {.limit = 8};
    const struct text full = {.limit = 8, .failed = true, .is_full = true};
    const struct text starved = {.limit = 8, .failed = true};
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(text_check(&whole, "a name", &err), VITLRP_OK);
    assert_int_equal(text_check_memory(&whole, "a name", &err), VITLRP_OK);
    assert_int_equal(text_check(&full, "a name", &err), VITLRP_LIMIT);
    assert_string_equal(err.message, "a name: longer than the limit of 8 bytes");
    assert_int_equal(text_check_memory(&full, "a name", &err), VITLRP_OK);
    assert_int_equal(text_check(&starved, "a name", &err), VITLRP_NOMEM);
    assert_int_equal(text_check_memory(&starved, "a name", &err), VITLRP_NOMEM);
    assert_string_equal(err.message, "out of memory for a name");
}

static void test_f05_names_are_escaped(void **unused) {
    static const struct {
        const char *name, *shown;
    } cases[] = {{"cat.jpg", "cat.jpg"},
                 {"a\nb", "a\\x0Ab"},
                 {"\x1b[31m", "\\x1B[31m"},
                 {"\xC3\xA9t\xC3\xA9", "\xC3\xA9t\xC3\xA9"},
                 {"\xC2\x9B", "\\xC2\\x9B"},
                 {"\xFF", "\\xFF"},
                 {"\xC0\x80", "\\xC0\\x80"},
                 {"\xED\xA0\x80", "\\xED\\xA0\\x80"},
                 {"a\rb\x7F", "a\\x0Db\\x7F"},
                 {"\xE2\x80\xA8", "\\xE2\\x80\\xA8"}, /* U+2028, a line's end */
                 {"\xE2\x80\xAE", "\\xE2\\x80\\xAE"}, /* U+202E, right to left */
                 {"\xE2\x81\xA6", "\\xE2\\x81\\xA6"}, /* U+2066 */
                 {"\xE2\x80\x8E", "\\xE2\\x80\\x8E"}, /* U+200E */
                 {"\xD8\x9C", "\\xD8\\x9C"},          /* U+061C */
                 {"\xE2\x80\x8D\xE2\x80\xB0", "\xE2\x80\x8D\xE2\x80\xB0"},
                 {"\xD7\x90\xF0\x9F\x90\x9F", "\xD7\x90\xF0\x9F\x90\x9F"}};
    char out[64];
    char tiny[12];
    (void) unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_escape_name(out, sizeof out, cases[i].name);
        assert_string_equal(out, cases[i].shown);
    }
    text_escape_name(tiny, sizeof tiny, "/long/path/to/cat.jpg");
    assert_string_equal(tiny, ".../cat.jpg");
    text_escape_line(tiny, sizeof tiny, "one two three");
    assert_string_equal(tiny, "one two thr");
    text_escape_line(tiny, sizeof tiny, "12345678\n\xC3\xA9");
    assert_string_equal(tiny, "12345678");
}

/* What a page shows of paths: enough to tell models apart, and no folder of this machine. */
static void test_path_tails(void **unused) {
    static const struct {
        const char *path;
        int count;
        const char *tail;
    } CASES[] = {{"/home/a/vit/model.bin", 2, "vit/model.bin"},
                 {"/model.bin", 2, "model.bin"},
                 {"vit/model.bin", 2, "vit/model.bin"},
                 {"model.bin", 2, "model.bin"},
                 {"/home/a/val/", 1, "val/"},
                 {"a//b", 1, "b"},
                 {".", 1, "."},
                 {"/", 1, "/"},
                 {"", 1, ""}};
    (void) unused;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_string_equal(text_path_tail(CASES[i].path, CASES[i].count), CASES[i].tail);
    }
    assert_string_equal(text_path_shown("/home/a/val"), "val");
    assert_string_equal(text_path_shown("data/val"), "data/val");
}

/* Reports keep their lines, JSON its values; neither holds what a terminal obeys. */
static void test_f05_reports_and_json_are_escaped(void **unused) {
    static const char HOSTILE[] = "a\x1b[2J\n\x7F\xC2\x9B\xE2\x80\xAE\xC3\xA9\t";
    struct text report = {.limit = 256};
    struct text json = {.limit = 256};
    struct vitlrp_error err;
    json_t *read = NULL;
    (void) unused;
    text_append_terminal(&report, HOSTILE, sizeof HOSTILE - 1);
    assert_string_equal(report.data, "a\\x1B[2J\n\\x7F\\xC2\\x9B\\xE2\\x80\\xAE\xC3\xA9\t");
    json_t *value = json_pack("{s:s, s:i}", "name", HOSTILE, "\xE2\x80\xA8", 1);
    assert_non_null(value);
    json_append(&json, value, 2);
    assert_string_equal(json.data,
                        "{\n  \"name\": \"a\\u001B[2J\\n\\u007F\\u009B\\u202E\xC3\xA9\\t\","
                        "\n  \"\\u2028\": 1\n}");
    assert_int_equal(json_parse_object(json.data, json.length, &read, &err), VITLRP_OK);
    assert_true(json_equal(read, value));
    json_decref(read);
    json_decref(value);
    text_free(&report);
    text_free(&json);
}

/* Whatever they quote, and wherever they are cut, they are one line of UTF-8. */
static void test_messages_are_one_line(void **unused) {
    (void) unused;
    struct vitlrp_error err;
    struct vitlrp_error longer;
    char word[600];
    (fail)(&err, VITLRP_FORMAT, "near '%s'", "\x1B]0;x\a\n");
    assert_string_equal(err.message, "near '\\x1B]0;x\\x07\\x0A'");
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    for (size_t start = 480; start < 512; start++) {
        memcpy(word + start, "\xE2\x82\xAC", 3);
        (fail)(&err, VITLRP_FORMAT, "%s", word);
        assert_true(text_is_utf8(err.message, strlen(err.message)));
        longer = err;
        error_prefix(&longer, VITLRP_FORMAT, "folder/file");
        assert_true(text_is_utf8(longer.message, strlen(longer.message)));
        memset(word + start, 'x', 3);
    }
}

/* ---- Files ---- */

struct folder {
    char path[64];
};

static struct folder make_folder(void) {
    struct folder folder = {"/tmp/vitlrp-test-XXXXXX"};
    assert_non_null(mkdtemp(folder.path));
    return folder;
}

static const char *in_folder(const struct folder *folder, const char *name, char *out,
                             size_t size) {
    snprintf(out, size, "%s/%s", folder->path, name);
    return out;
}

static void test_atomic_write_replaces_and_cleans_up(void **unused) {
    struct folder folder = make_folder();
    char path[128];
    struct bytes bytes = {0};
    struct vitlrp_error err;
    (void) unused;
    in_folder(&folder, "out.bin", path, sizeof path);
    assert_int_equal(file_write_atomic(path, "old", 3, &err), VITLRP_OK);
    assert_int_equal(file_write_atomic(path, "newer", 5, &err), VITLRP_OK);
    assert_int_equal(file_read(path, 100, &bytes, &err), VITLRP_OK);
    assert_int_equal(bytes.size, 5);
    assert_memory_equal(bytes.data, "newer", 5);
    bytes_free(&bytes);
    assert_int_equal(file_read(path, 4, &bytes, &err), VITLRP_LIMIT);
    assert_int_equal(unlink(path), 0);
    /* rmdir fails if a temporary file was left behind. */
    assert_int_equal(rmdir(folder.path), 0);
}

static void test_atomic_write_refuses_what_is_no_file(void **unused) {
    struct folder folder = make_folder();
    char path[128];
    struct vitlrp_error err;
    (void) unused;
    assert_int_equal(file_write_atomic(folder.path, "x", 1, &err), VITLRP_IO);
    assert_non_null(strstr(err.message, "directory"));
    in_folder(&folder, "missing/out", path, sizeof path);
    assert_int_equal(file_write_atomic(path, "x", 1, &err), VITLRP_IO);
    assert_non_null(strstr(err.message, "missing/out"));
    assert_int_equal(file_write_atomic("", "x", 1, &err), VITLRP_IO);
    assert_int_equal(rmdir(folder.path), 0);
}

static void test_reading_refuses_what_is_no_file(void **unused) {
    struct folder folder = make_folder();
    char path[128];
    struct bytes bytes = {0};
    struct vitlrp_error err;
    (void) unused;
    assert_int_equal(file_read(folder.path, 10, &bytes, &err), VITLRP_IO);
    in_folder(&folder, "fifo", path, sizeof path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_read(path, 10, &bytes, &err), VITLRP_IO);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_read(path, 10, &bytes, &err), VITLRP_IO);
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(file_read("/dev/zero", 10, &bytes, &err), VITLRP_IO);
    assert_int_equal(rmdir(folder.path), 0);
}

/* A file of the kernel's states no size, and grows as it is read: no limit is one, too. */
static void test_reading_without_limit(void **unused) {
    struct bytes bytes = {0};
    struct vitlrp_error err = {0};
    (void) unused;
    if (access("/proc/self/status", R_OK) != 0) {
        skip();
    }
    assert_int_equal(file_read("/proc/self/status", SIZE_MAX, &bytes, &err), VITLRP_OK);
    assert_in_range(bytes.size, 2, 1 << 20);
    bytes_free(&bytes);
    assert_int_equal(file_read("/proc/self/status", 1, &bytes, &err), VITLRP_LIMIT);
}

/* ---- Tables and messages ---- */

static void test_fields_keep_their_width_and_sign(void **unused) {
    struct {
        int32_t narrow[2];
        uint64_t wide;
    } record = {{7, 8}, 9};
    const struct field narrow = {0, sizeof record.narrow[0]};
    const struct field wide = {(size_t) ((char *) &record.wide - (char *) &record), 8};
    (void) unused;
    field_set(&record, narrow, -5);
    field_set(&record, wide, INT64_MAX);
    assert_int_equal(record.narrow[0], -5);
    assert_int_equal(record.narrow[1], 8);
    assert_int_equal(field_get(&record, narrow), -5);
    assert_int_equal(field_get(&record, wide), INT64_MAX);
    record.wide = UINT64_MAX;
    assert_true(field_get(&record, wide) < 0);
}

static void keep_lines(void *text, int level, const char *message) {
    text_printf(text, "%d %s\n", level, message);
}

static void test_what_is_left_out_is_counted_in_english(void **unused) {
    struct text said = {.limit = 1000};
    const struct vitlrp_log log = {keep_lines, &said};
    (void) unused;
    left_out_warn(&(struct left_out){.found = 3}, &log);
    left_out_warn(&(struct left_out){1, "a\033b", 1, 3, 0, 0, NULL, NULL}, &log);
    left_out_warn(&(struct left_out){2, "c", 2, 3, 0, 0, NULL, NULL}, &log);
    left_out_warn(&(struct left_out){.own = 1, .not_read = 1, .kinds = "1 gif"}, &log);
    left_out_warn(&(struct left_out){.own = 2, .not_read = 3, .kinds = "2 heic, 1 jxl"}, &log);
    left_out_warn(&(struct left_out){.silent_truth = "d/labels\033.txt"}, &log);
    assert_string_equal(said.data,
                        "1 1 folder is left out, since it must not be read: a\\x1Bb\n"
                        "1 1 of 3 images is left out: it has no label that the model knows\n"
                        "1 2 folders are left out, since they must not be read; the first: c\n"
                        "1 2 of 3 images are left out: they have no label that the model knows\n"
                        "1 1 own picture passed over\n1 1 file not read: 1 gif\n"
                        "1 2 own pictures passed over\n1 3 files not read: 2 heic, 1 jxl\n"
                        "1 d/labels\\x1B.txt names none of the images, and is not taken for their "
                        "labels: give the file of labels, if there is one, by its name\n");
    text_free(&said);
}

/* ---- Reading and hashes ---- */

static void test_source_reads_within_its_end(void **unused) {
    struct source source = source_over("0123456789", 10);
    char out[4];
    struct vitlrp_error err;
    (void) unused;
    assert_int_equal(source_read(&source, 6, out, 4, &err), VITLRP_OK);
    assert_memory_equal(out, "6789", 4);
    assert_int_equal(source_read(&source, 7, out, 4, &err), VITLRP_FORMAT);
    assert_int_equal(source_read(&source, UINT64_MAX, out, 4, &err), VITLRP_FORMAT);
}

/* FIPS 180-4's examples: "abc", and one block of 56 bytes. */
static void test_sha256(void **unused) {
    char digest[SHA256_TEXT];
    struct vitlrp_error err;
    (void) unused;
    assert_int_equal(sha256_bytes("abc", 3, digest, &err), VITLRP_OK);
    assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct source source =
        source_over("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
    assert_int_equal(sha256_source(&source, digest, &err), VITLRP_OK);
    assert_string_equal(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* ---- .npy and JSON ---- */

/* The same numbers from the same bytes on every processor, and back. */
static void test_little_endian(void **unused) {
    static const unsigned char BYTES[] = {1, 2, 3, 4, 5, 6, 7, 0x48, 9};
    uint16_t narrow[2];
    uint64_t wide;
    unsigned char written[8];
    (void) unused;
    little_endian_copy(narrow, BYTES + 1, sizeof *narrow, 2);
    assert_int_equal(narrow[0], 0x0302);
    assert_int_equal(narrow[1], 0x0504);
    little_endian_copy(&wide, BYTES, sizeof wide, 1);
    assert_true(wide == UINT64_C(0x4807060504030201));
    little_endian_copy(written, &wide, sizeof wide, 1);
    assert_memory_equal(written, BYTES, sizeof written);
    little_endian_turn(&wide, sizeof wide, 1);
    assert_memory_equal(&wide, BYTES, sizeof wide);
    little_endian_copy(NULL, NULL, sizeof wide, 0);
}

static void test_npy_round_trip(void **unused) {
    const float data[6] = {1.0F, -2.5F, 3.0F, 0.0F, 1e-30F, 5.0F};
    const size_t shape[2] = {2, 3};
    struct bytes bytes = {0};
    struct npy_header header;
    struct vitlrp_error err;
    (void) unused;
    assert_int_equal(npy_encode_float32(data, 2, shape, &bytes, &err), VITLRP_OK);
    assert_int_equal(npy_parse_header(bytes.data, bytes.size, bytes.size, &header, &err),
                     VITLRP_OK);
    assert_int_equal(header.rank, 2);
    assert_int_equal(header.shape[1], 3);
    assert_int_equal(header.data_offset % 64, 0);
    assert_memory_equal(bytes.data + header.data_offset, "\0\0\x80\x3F\0\0\x20\xC0", 8);
    little_endian_turn(bytes.data + header.data_offset, sizeof *data, 6);
    assert_memory_equal(bytes.data + header.data_offset, data, sizeof data);
    for (size_t cut = 0; cut < bytes.size; cut++) {
        assert_int_equal(npy_parse_header(bytes.data, cut, cut, &header, &err), VITLRP_FORMAT);
    }
    bytes_free(&bytes);
}

/* A version 1.0 file with the given header text and no data. */
static enum vitlrp_status parse_npy_text(const char *text) {
    unsigned char file[512] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    struct npy_header header;
    struct vitlrp_error err;
    size_t length = strlen(text);
    file[8] = (unsigned char) length;
    memcpy(file + 10, text, length);
    return npy_parse_header(file, 10 + length, 10 + length, &header, &err);
}

static void test_npy_headers_are_checked(void **unused) {
    (void) unused;
    assert_int_equal(parse_npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }"),
                     VITLRP_OK);
    assert_int_equal(parse_npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"),
                     VITLRP_FORMAT);
    assert_int_equal(parse_npy_text("{'descr': '>f4', 'fortran_order': False, 'shape': (0,), }"),
                     VITLRP_UNSUPPORTED);
    assert_int_equal(parse_npy_text("{'descr': '|O', 'fortran_order': False, 'shape': (0,), }"),
                     VITLRP_UNSUPPORTED);
    assert_int_equal(parse_npy_text("{'descr': '<f4', 'shape': (0,), }"), VITLRP_FORMAT);
    struct npy_header header;
    assert_int_equal(npy_parse_header("\x93NUMPY\1\1\2\0{}", 12, 12, &header, NULL), VITLRP_FORMAT);
    assert_int_equal(parse_npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': "
                                    "(4294967296, 4294967296, 4294967296), }"),
                     VITLRP_FORMAT);
    assert_int_equal(parse_npy_text("{'descr': '<f4', 'fortran_order': Fal"), VITLRP_FORMAT);
    assert_int_equal(
        parse_npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }  \n"), VITLRP_OK);
    assert_int_equal(parse_npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), } 1"),
                     VITLRP_FORMAT);
}

static void test_json_is_read_strictly(void **unused) {
    json_t *value = NULL;
    struct vitlrp_error err;
    int64_t number = 5;
    (void) unused;
    assert_int_equal(json_parse_object("{\"a\":1,\"a\":2}", 13, &value, &err), VITLRP_FORMAT);
    assert_int_equal(json_parse_object("[1]", 3, &value, &err), VITLRP_FORMAT);
    assert_int_equal(json_parse_object("{} x", 4, &value, &err), VITLRP_FORMAT);
    assert_int_equal(json_parse_object("{}\0x", 4, &value, &err), VITLRP_FORMAT);
    assert_int_equal(json_parse_object("{\"a\":1\0}", 8, &value, &err), VITLRP_FORMAT);
    assert_int_equal(json_parse_object("{\"a\\u0000\":1}", 13, &value, &err), VITLRP_FORMAT);
    assert_int_equal(json_parse_object("{\"a\":2.5}", 9, &value, &err), VITLRP_OK);
    assert_int_equal(json_get_int(value, "a", 0, 9, &number, &err), VITLRP_MISMATCH);
    assert_int_equal(json_get_int(value, "b", 0, 9, &number, &err), VITLRP_OK);
    assert_int_equal(number, 5);
    json_decref(value);
}

static void test_json_is_as_deep_as_allowed(void **unused) {
    char text[2 * JSON_MAX_DEPTH + 8];
    json_t *value = NULL;
    struct vitlrp_error err;
    (void) unused;
    for (size_t deep = JSON_MAX_DEPTH - 1; deep <= JSON_MAX_DEPTH; deep++) {
        memcpy(text, "{\"a\":", 5);
        memset(text + 5, '[', deep);
        memset(text + 5 + deep, ']', deep);
        text[5 + 2 * deep] = '}';
        enum vitlrp_status status = json_parse_object(text, 6 + 2 * deep, &value, &err);
        assert_int_equal(status, deep < JSON_MAX_DEPTH ? VITLRP_OK : VITLRP_LIMIT);
    }
    json_decref(value);
}

/* The scan has jansson's grammar. */
static void test_json_scan(void **unused) {
    static const char *const whole[] = {"{}",
                                        " [ ] ",
                                        "[1,-0,0.5,1e9,-1.25E-7]",
                                        "[true,false,null]",
                                        "[\"\\u00e9\\n\\/\"]",
                                        "[\"\\uD83D\\uDE00\"]",
                                        "{\"a\":{\"b\":[]}}"};
    static const char *const broken[] = {"",
                                         "1",
                                         "[",
                                         "[1,]",
                                         "{\"a\"}",
                                         "{\"a\":1,}",
                                         "[01]",
                                         "[1.]",
                                         "[.5]",
                                         "[+1]",
                                         "[1e]",
                                         "[-]",
                                         "[tru]",
                                         "[truex]",
                                         "[\"]",
                                         "[\"\n\"]",
                                         "[\"\\x\"]",
                                         "[\"\\u12g4\"]",
                                         "[\"\\uD83D\"]",
                                         "[\"\\uDE00\"]",
                                         "[] x",
                                         "{a:1}",
                                         "['a']",
                                         "[1 2]",
                                         "[\"a\":1]"};
    struct json_cost cost;
    json_t *value = NULL;
    (void) unused;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        assert_int_equal(json_scan(whole[i], strlen(whole[i]), &cost), JSON_WELL_FORMED);
        value = json_loadb(whole[i], strlen(whole[i]), 0, NULL);
        assert_non_null(value);
        json_decref(value);
    }
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(json_scan(broken[i], strlen(broken[i]), &cost), JSON_MALFORMED);
        assert_null(json_loadb(broken[i], strlen(broken[i]), 0, NULL));
    }
    assert_int_equal(json_scan("{\"ab\":\"\\u00e9\\uD83D\\uDE00\\n\"}", 29, &cost),
                     JSON_WELL_FORMED);
    assert_int_equal(cost.string_bytes, 2 + 2 + 4 + 1);
}

/* What is wrong, and where. */
static void test_json_messages(void **unused) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"a\":\n 1,}", "something else is expected (line 2, column 4)"},
        {"{\"a\": ", "it ends early (line 1, column 7)"},
        {"{\"a\": 1e400}", "a number that is too large (line 1, column 7)"},
        {"{\"a\": 9223372036854775808}", "a number that is too large (line 1, column 7)"},
        {"{\"a\": 1, \"a\": 2}", "a duplicate key (line 1, column 10)"},
        {"{\"a\": \"\\u0000\"}", "\\u0000 is not allowed"},
        {"{\"a\": \"\xff\"}", "not UTF-8 (line 1, column 8)"},
        {"[]", "not a JSON object"},
    };
    (void) unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vitlrp_error err = {0};
        json_t *value = NULL;
        assert_int_equal(json_parse_object(cases[i].text, strlen(cases[i].text), &value, &err),
                         VITLRP_FORMAT);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_null(value);
    }
}

static void test_json_writes_nan_as_null(void **unused) {
    struct text out = {.limit = 1000};
    (void) unused;
    json_t *value =
        json_pack("{s:o,s:o,s:s}", "a", json_number(NAN), "b", json_number(0.1), "c", "\"\n");
    json_append(&out, value, 0);
    assert_string_equal(out.data, "{\"a\":null,\"b\":0.1,\"c\":\"\\\"\\n\"}");
    json_decref(value);
    text_free(&out);
}

static void note_path(void *user, const char *path, const json_t *a, const json_t *b) {
    text_printf(user, "%s%s%s ", path, a == NULL ? "<" : "", b == NULL ? ">" : "");
}

static bool leaves_out_x(const char *path) {
    return strcmp(path, "x") == 0;
}

static void test_json_compare(void **unused) {
    struct text out = {.limit = 1000};
    (void) unused;
    json_t *a = json_pack("{s:i, s:{s:i, s:i, s:[i,i]}, s:i, s:f}", "x", 1, "in", "one", 1, "two",
                          2, "list", 1, 2, "only_a", 1, "same", 0.1);
    json_t *b = json_pack("{s:f, s:i, s:{s:[i,i], s:i, s:i}, s:i}", "same", 0.1 + 1e-15, "x", 2,
                          "in", "list", 1, 3, "two", 2, "three", 3, "only_b", 1);
    const struct json_comparison all = {.note = note_path, .user = &out};
    const struct json_comparison some = {
        .leaves_out = leaves_out_x, .note = note_path, .user = &out};
    json_compare(&all, a, b);
    assert_string_equal(out.data, "x in.one> in.list in.three< only_a> only_b< ");
    text_free(&out);
    out = (struct text){.limit = 1000};
    json_compare(&some, a, b);
    assert_string_equal(out.data, "in.one> in.list in.three< only_a> only_b< ");
    text_free(&out);
    json_compare(&all, a, a);
    json_decref(a);
    json_decref(b);
}

/* ---- Words ---- */

static void test_words(void **unused) {
    struct text out = {.limit = 1000};
    (void) unused;
    assert_string_equal(word_of(WORDS_PRECISION, VITLRP_PRECISION_BF16), "bf16");
    assert_string_equal(word_of(WORDS_PRECISION, VITLRP_PRECISION_BF16X3), "bf16x3");
    assert_null(word_of(WORDS_PRECISION, VITLRP_PRECISION_BF16X3 + 1));
    assert_null(word_of(WORDS_PRECISION, -1));
    assert_int_equal(word_find(WORDS_STATUS, "internal"), VITLRP_INTERNAL);
    assert_int_equal(word_find(WORDS_STATUS, "Internal"), -1);
    words_append(&out, words_of(WORDS_HEAD_FUSION));
    assert_string_equal(out.data, "mean, max or min");
    text_free(&out);
    for (enum word_list list = 0; list < WORD_LISTS; list++) {
        assert_non_null(words_name(list));
        assert_string_equal(vitlrp_word(words_name(list), 0), words_of(list)[0]);
    }
    assert_null(words_name(WORD_LISTS));
    assert_null(vitlrp_word("no_such", 0));
    assert_null(vitlrp_word(NULL, 0));
}

/* ---- The pool ---- */

enum { TASKS = 1000 };

struct tally {
    atomic_int runs[TASKS];
    atomic_int bad_thread;
};

static void count_run(void *context, size_t index, size_t thread) {
    struct tally *tally = context;
    atomic_fetch_add(&tally->runs[index], 1);
    if (thread >= 4) {
        atomic_store(&tally->bad_thread, 1);
    }
}

static void test_pool_runs_every_task_once(void **unused) {
    struct vitlrp_error err;
    (void) unused;
    for (size_t threads = 1; threads <= 4; threads++) {
        struct pool *pool = NULL;
        assert_int_equal(pool_open(threads, NULL, &pool, &err), VITLRP_OK);
        for (size_t job = 0; job < 200; job++) {
            struct tally *tally = mem_calloc(1, sizeof *tally);
            size_t count = job % 7 == 0 ? job % 3 : TASKS - job;
            pool_run(pool, count, count_run, tally);
            for (size_t i = 0; i < TASKS; i++) {
                assert_int_equal(atomic_load(&tally->runs[i]), i < count ? 1 : 0);
            }
            assert_int_equal(atomic_load(&tally->bad_thread), 0);
            mem_free(tally);
        }
        pool_close(pool);
    }
    struct pool *none = NULL;
    assert_int_equal(pool_open(0, NULL, &none, &err), VITLRP_USAGE);
    assert_null(none);
    pool_close(none);
}

/* A constant line stays constant whatever the scaling, and the taps stay inside the line. */
static void test_resampling_weights_sum_to_one(void **unused) {
    static const int32_t sizes[][2] = {{1, 1}, {1, 9}, {9, 1}, {320, 224}, {14, 24}, {7, 1000}};
    struct vitlrp_error err;
    (void) unused;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0] * 2; s++) {
        struct resample_taps taps;
        int32_t in = sizes[s / 2][0];
        enum resample_filter filter = s % 2 == 0 ? RESAMPLE_BILINEAR : RESAMPLE_BICUBIC;
        assert_int_equal(resample_taps_make(in, sizes[s / 2][1], filter, &taps, &err), VITLRP_OK);
        for (int32_t i = 0; i < taps.outputs; i++) {
            double sum = 0.0;
            for (int32_t k = 0; k < taps.count[i]; k++) {
                sum += taps.weight[(size_t) i * (size_t) taps.stride + (size_t) k];
            }
            assert_true(fabs(sum - 1.0) < 1e-12);
            assert_true(taps.first[i] >= 0 && taps.first[i] + taps.count[i] <= in);
        }
        resample_taps_free(&taps);
    }
}

/* Of a head's vector of constants only the number of them. */
static void test_edits_are_named_in_short(void **unused) {
    static const char EDITS[] =
        "{\"edits\": [\"0:fc1:3=2\", {\"unit\": \"1:head:2\", \"factor\": 0.5, "
        "\"constant\": [[1, 2], [3, 4]]}, {\"unit\": \"1:head:3\", "
        "\"factor\": 0, \"constant\": [[1, 2]]}, 5]}";
    static const char *const WANTED[] = {"0:fc1:3=2 and 3 more",
                                         "0:fc1:3=2, 1:head:2=0.5:=[2] and 2 more",
                                         "0:fc1:3=2, 1:head:2=0.5:=[2], 1:head:3:=[1] and 1 more",
                                         "0:fc1:3=2, 1:head:2=0.5:=[2], 1:head:3:=[1], ?"};
    json_t *object = NULL;
    (void) unused;
    assert_int_equal(json_parse_object(EDITS, sizeof EDITS - 1, &object, NULL), VITLRP_OK);
    for (size_t i = 0; i < sizeof WANTED / sizeof WANTED[0]; i++) {
        struct text text = {.limit = 256};
        edit_names_append(&text, json_object_get(object, "edits"), i + 1);
        assert_string_equal(text.data, WANTED[i]);
        text_free(&text);
    }
    json_decref(object);
}

/* What text_append_escaped makes of any bytes is these bytes again. */
static void test_escaped_text_is_unescaped(void **unused) {
    static const char *const TEXTS[] = {"",
                                        "a/b.png",
                                        ("\xff"
                                         "1.png"),
                                        "a\\xFF",
                                        "\\",
                                        "\xc3\xa4\x80",
                                        "\\x"};
    (void) unused;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct text escaped = {.limit = 256};
        struct text text = {.limit = 256};
        text_append_escaped(&escaped, TEXTS[i]);
        text_append_unescaped(&text, escaped.data == NULL ? "" : escaped.data);
        assert_string_equal(text.data == NULL ? "" : text.data, TEXTS[i]);
        text_free(&escaped);
        text_free(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits_are_named_in_short),
        cmocka_unit_test(test_escaped_text_is_unescaped),
        cmocka_unit_test(test_integers_are_parsed_strictly),
        cmocka_unit_test(test_numbers_are_parsed_strictly),
        cmocka_unit_test(test_sizes_do_not_wrap),
        cmocka_unit_test(test_measured_arena_fits_exactly),
        cmocka_unit_test(test_text_stops_at_its_limit),
        cmocka_unit_test(test_f25_reasons_of_a_failed_text),
        cmocka_unit_test(test_f05_names_are_escaped),
        cmocka_unit_test(test_path_tails),
        cmocka_unit_test(test_f05_reports_and_json_are_escaped),
        cmocka_unit_test(test_messages_are_one_line),
        cmocka_unit_test(test_atomic_write_replaces_and_cleans_up),
        cmocka_unit_test(test_atomic_write_refuses_what_is_no_file),
        cmocka_unit_test(test_reading_refuses_what_is_no_file),
        cmocka_unit_test(test_reading_without_limit),
        cmocka_unit_test(test_fields_keep_their_width_and_sign),
        cmocka_unit_test(test_what_is_left_out_is_counted_in_english),
        cmocka_unit_test(test_source_reads_within_its_end),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_little_endian),
        cmocka_unit_test(test_npy_round_trip),
        cmocka_unit_test(test_npy_headers_are_checked),
        cmocka_unit_test(test_json_is_read_strictly),
        cmocka_unit_test(test_json_is_as_deep_as_allowed),
        cmocka_unit_test(test_json_scan),
        cmocka_unit_test(test_json_messages),
        cmocka_unit_test(test_json_writes_nan_as_null),
        cmocka_unit_test(test_json_compare),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_n07_clock_only_goes_forward),
        cmocka_unit_test(test_pool_runs_every_task_once),
        cmocka_unit_test(test_resampling_weights_sum_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
