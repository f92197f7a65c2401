/* f10b: the memory of JSON is counted before it is taken. What is counted is held against what
 * jansson asks malloc for. */
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "support/scratch.h"
#include "support/unit.h"
#include "vitlrp.h"

#define MB ((size_t) 1 << 20)

/* ---- What jansson takes ---- */

static size_t held;
static size_t most;

/* With what malloc keeps for itself. */
static size_t block_bytes(void *block) {
    return block == NULL ? 0 : malloc_usable_size(block) + sizeof(size_t);
}

static void *counted_malloc(size_t size) {
    void *block = malloc(size);
    held += block_bytes(block);
    most = held > most ? held : most;
    return block;
}

static void counted_free(void *block) {
    held -= block_bytes(block);
    free(block);
}

/* A text of a beginning, `count` times a piece whose '#' is its number, and an end. */
static void repeat(struct text *out, const char *begin, const char *piece, size_t count,
                   const char *end) {
    text_append_string(out, begin);
    for (size_t i = 0; i < count; i++) {
        const char *hash = strchr(piece, '#');
        if (i > 0) {
            text_append_string(out, ",");
        }
        if (hash == NULL) {
            text_append_string(out, piece);
        } else {
            text_printf(out, "%.*s%zu%s", (int) (hash - piece), piece, i, hash + 1);
        }
    }
    text_append_string(out, end);
    assert_false(out->failed);
}

/* Parses; more than was counted must not be taken. */
static void check_count(const char *begin, const char *piece, size_t count, const char *end) {
    struct text text = {.limit = 64 * MB};
    struct json_cost cost;
    json_t *value = NULL;
    struct vitlrp_error err = {0};
    repeat(&text, begin, piece, count, end);
    assert_int_equal(json_scan(text.data, text.length, &cost), JSON_WELL_FORMED);
    held = most = 0;
    assert_int_equal(json_parse_within(text.data, text.length, SIZE_MAX, &value, &err), VITLRP_OK);
    print_message("%-28.28s %8zu bytes: %5.1f times as many, %5.1f counted\n", piece, text.length,
                  (double) most / (double) text.length,
                  (double) cost.memory / (double) text.length);
    assert_in_range(most, 1, cost.memory);
    json_decref(value);
    assert_int_equal(held, 0);
    text_free(&text);
}

static void test_f10b_counts(void **unused) {
    static const char *const PIECES[] = {
        "[]",
        "{}",
        "0",
        "null",
        "\"\"",
        "1.5e-3",
        "\"some text\"",
        "[1,2]",
        "{\"a\":[{}]}",
        "{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,1]}"};
    static const size_t COUNTS[] = {1, 2, 8, 9, 100, 1000, 32769, 65537};
    (void) unused;
    json_set_alloc_funcs(counted_malloc, counted_free);
    for (size_t i = 0; i < sizeof PIECES / sizeof *PIECES; i++) {
        for (size_t k = 0; k < sizeof COUNTS / sizeof *COUNTS; k++) {
            check_count("{\"a\":[", PIECES[i], COUNTS[k], "]}");
        }
    }
    for (size_t k = 0; k < sizeof COUNTS / sizeof *COUNTS; k++) {
        check_count("{", "\"#\":0", COUNTS[k], "}");
        check_count("{", "\"a rather long key with its number #\":\"and text\"", COUNTS[k], "}");
    }
    json_set_alloc_funcs(malloc, free);
}

/* One token of megabytes, just longer than the buffer that holds it was: a string, a key, a number.
 */
#define TOKEN (2 * MB + 16)

static void test_f10b_long_tokens(void **unused) {
    char *token = malloc(TOKEN + 1);
    (void) unused;
    assert_non_null(token);
    json_set_alloc_funcs(counted_malloc, counted_free);
    memset(token, '1', TOKEN);
    token[TOKEN] = '\0';
    check_count("{\"a\":\"", token, 1, "\"}");
    check_count("{\"", token, 1, "\":1}");
    memcpy(token, "0.", 2);
    check_count("{\"a\":", token, 1, "}");
    json_set_alloc_funcs(malloc, free);
    free(token);
}

/* Beyond the limit nothing is built at all. */
static void test_f10b_refused_unbuilt(void **unused) {
    static const char *const PIECES[] = {"[]", "{}", "\"\"", "0"};
    (void) unused;
    json_set_alloc_funcs(counted_malloc, counted_free);
    for (size_t i = 0; i < 4; i++) {
        struct text text = {.limit = 64 * MB};
        json_t *value = NULL;
        struct vitlrp_error err = {0};
        repeat(&text, "{\"a\":[", PIECES[i], 16 * MB / (strlen(PIECES[i]) + 1), "]}");
        held = most = 0;
        assert_int_equal(json_parse_object(text.data, text.length, &value, &err), VITLRP_LIMIT);
        assert_non_null(strstr(err.message, "bytes of memory, more than the limit of 134217728"));
        assert_int_equal(most, 0);
        /* Nor where the text has no end, or a zero byte by which its reading would stop. */
        assert_int_equal(json_parse_object(text.data, text.length - 2, &value, &err), VITLRP_LIMIT);
        text.data[8] = '\0';
        assert_int_equal(json_parse_object(text.data, text.length, &value, &err), VITLRP_FORMAT);
        assert_int_equal(most, 0);
        text_free(&text);
    }
    json_set_alloc_funcs(malloc, free);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f10b_counts),
        cmocka_unit_test(test_f10b_long_tokens),
        cmocka_unit_test(test_f10b_refused_unbuilt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
