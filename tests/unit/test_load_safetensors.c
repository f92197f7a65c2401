/* safetensors headers that must be refused, each with its reason, and unusual ones that must not.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "support/load_checks.h"
#include "vit/load/checkpoint.h"

#include "support/unit.h"

#define ONE(shape, offsets)                                                                        \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define TWO(first, second)                                                                         \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" first                              \
    "},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" second "}}"

struct header_case {
    const char *header;
    size_t data;
    enum vitlrp_status status;
    const char *word;
};

static const struct header_case REFUSED[] = {
    {"", 0, VITLRP_FORMAT, "JSON"},
    {"[]", 0, VITLRP_FORMAT, "not a JSON object"},
    {"{\"a\":", 0, VITLRP_FORMAT, "JSON"},
    {"{} x", 0, VITLRP_FORMAT, "JSON"},
    {"{\"a\xFF\":{}}", 0, VITLRP_FORMAT, "JSON"},
    {"{}", 0, VITLRP_FORMAT, "no tensors"},
    {"{\"a\":7}", 0, VITLRP_FORMAT, "dtype"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, VITLRP_FORMAT, "dtype"},
    {"{\"a\":{\"dtype\":3,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, VITLRP_FORMAT, "dtype"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, VITLRP_UNSUPPORTED,
     "'F31'"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, VITLRP_FORMAT, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, VITLRP_FORMAT, "data_offsets"},
    {ONE("1", "[0,4]"), 4, VITLRP_FORMAT, "shape"},
    {ONE("[-1]", "[0,4]"), 4, VITLRP_FORMAT, "shape"},
    {ONE("[1.0]", "[0,4]"), 4, VITLRP_FORMAT, "shape"},
    {ONE("[1e3]", "[0,4000]"), 4000, VITLRP_FORMAT, "shape"},
    {ONE("[\"1\"]", "[0,4]"), 4, VITLRP_FORMAT, "shape"},
    {ONE("[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, VITLRP_FORMAT, "shape"},
    {ONE("[1]", "[0]"), 4, VITLRP_FORMAT, "data_offsets"},
    {ONE("[1]", "[0,4,8]"), 8, VITLRP_FORMAT, "data_offsets"},
    {ONE("[1]", "[0,4.0]"), 4, VITLRP_FORMAT, "data_offsets"},
    {ONE("[1]", "[-4,0]"), 4, VITLRP_FORMAT, "data_offsets"},
    {ONE("[1]", "[4,0]"), 4, VITLRP_FORMAT, "data_offsets"},
    {ONE("[1]", "[0,9223372036854775808]"), 4, VITLRP_FORMAT, "JSON"},
    {ONE("[1]", "[0,18446744073709551615]"), 4, VITLRP_FORMAT, "JSON"},
    {ONE("[1]", "[9223372036854775800,9223372036854775804]"), 4, VITLRP_FORMAT, "outside"},
    {ONE("[1]", "[0,4]"), 3, VITLRP_FORMAT, "truncated"},
    {ONE("[1]", "[0,8]"), 8, VITLRP_FORMAT, "span 8 bytes"},
    {ONE("[2]", "[0,4]"), 4, VITLRP_FORMAT, "span 4 bytes"},
    {ONE("[4294967296,4294967296]", "[0,0]"), 0, VITLRP_FORMAT, "overflows"},
    {ONE("[4611686018427387904]", "[0,0]"), 0, VITLRP_FORMAT, "overflows"},
    {ONE("[1]", "[0,4]"), 5, VITLRP_FORMAT, "trailing"},
    {ONE("[1]", "[4,8]"), 8, VITLRP_FORMAT, "gap"},
    {TWO("[0,8]", "[9,17]"), 17, VITLRP_FORMAT, "gap"},
    {TWO("[0,8]", "[4,12]"), 12, VITLRP_FORMAT, "overlap"},
    {TWO("[0,8]", "[0,8]"), 8, VITLRP_FORMAT, "overlap"},
    {TWO("[0,8]", "[8,16]"), 20, VITLRP_FORMAT, "4 trailing bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, VITLRP_FORMAT, "duplicate"},
    {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, VITLRP_FORMAT,
     "JSON"},
    {"{\"\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, VITLRP_FORMAT, "name"},
    {"{\"__metadata__\":[]}", 0, VITLRP_FORMAT, "__metadata__"},
    {"{\"__metadata__\":{\"k\":1}}", 0, VITLRP_FORMAT, "'k'"},
};

static void test_refused_headers(void **unused) {
    (void) unused;
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        const struct header_case *made = &REFUSED[i];
        struct bytes bytes;
        safetensors_of_header(made->header, made->data, &bytes);
        expect_refused_free(&bytes, made->status, made->word);
    }
}

/* The container itself accepts these; that they are no ViT is said later. */
static void test_accepted_headers(void **unused) {
    static const struct {
        const char *header;
        size_t data;
        size_t tensors;
    } accepted[] = {
        {ONE("[]", "[0,4]"), 4, 1},
        {ONE("[0]", "[0,0]"), 0, 1},
        {ONE("[0,4611686018427387904]", "[0,0]"), 0, 1},
        {TWO("[8,16]", "[0,8]"), 16, 2},
        {"  \n" TWO("[0,8]", "[8,16]") "   \t\n", 16, 2},
        {"{\"__metadata__\":{\"format\":\"pt\"},\"\xC3\xA9\\u00e9\":"
         "{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8],\"more\":1}}",
         8, 1},
    };
    (void) unused;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct bytes bytes;
        struct checkpoint checkpoint;
        struct vitlrp_model_limits limits = vit_load_limits_default();
        struct checkpoint_options options = {.limits = &limits};
        struct vitlrp_error err = {0};
        safetensors_of_header(accepted[i].header, accepted[i].data, &bytes);
        struct source source = source_over(bytes.data, bytes.size);
        if (checkpoint_open(&source, &options, &checkpoint, &err) != VITLRP_OK) {
            fail_msg("%s: %s", accepted[i].header, err.message);
        }
        assert_int_equal(checkpoint.tensors.count, accepted[i].tensors);
        assert_string_equal(checkpoint.container, "safetensors");
        checkpoint_close(&checkpoint);
        bytes_free(&bytes);
    }
}

static void set_length(struct bytes *bytes, uint64_t length) {
    for (size_t i = 0; i < 8; i++) {
        bytes->data[i] = (unsigned char) (length >> 8 * i);
    }
}

static void test_refused_lengths(void **unused) {
    static const char HEADER[] = ONE("[1]", "[0,4]");
    struct bytes bytes;
    (void) unused;
    safetensors_of_header(HEADER, 4, &bytes);
    set_length(&bytes, bytes.size - 7);
    expect_refused(&bytes, VITLRP_FORMAT, "truncated");
    set_length(&bytes, (uint64_t) 1 << 39);
    expect_refused(&bytes, VITLRP_FORMAT, "beyond the file");
    set_length(&bytes, UINT64_MAX);
    expect_refused(&bytes, VITLRP_FORMAT, "beyond the file");
    memset(bytes.data, 0, 8);
    bytes.data[7] = (unsigned char) strlen(HEADER);
    expect_refused_free(&bytes, VITLRP_FORMAT, "big-endian");
}

static void test_limits(void **unused) {
    struct text header = {.limit = (size_t) 1 << 26};
    struct bytes bytes;
    (void) unused;
    for (size_t i = 0; i < 4097; i++) {
        text_printf(&header,
                    "%s\"t%zu\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}",
                    i == 0 ? "{" : ",", i, i, i + 1);
    }
    text_append_string(&header, "}");
    safetensors_of_header(header.data, 4097, &bytes);
    expect_refused_free(&bytes, VITLRP_LIMIT, "4096 tensors");
    text_free(&header);
    text_append_string(&header, "{\"");
    for (size_t i = 0; i < 513; i++) {
        text_append_string(&header, "n");
    }
    text_append_string(&header, "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}");
    safetensors_of_header(header.data, 1, &bytes);
    expect_refused_free(&bytes, VITLRP_FORMAT, "512 bytes");
    text_free(&header);
    for (size_t i = 0; i < ((size_t) 16 << 20) + 1; i++) {
        text_append(&header, i == 0 ? "{" : " ", 1);
    }
    safetensors_of_header(header.data, 0, &bytes);
    expect_refused_free(&bytes, VITLRP_LIMIT, "safetensors header");
    text_free(&header);
}

/* A name that would write into a terminal is escaped in messages. */
static void test_names_are_escaped(void **unused) {
    struct bytes bytes;
    (void) unused;
    safetensors_of_header("{\"a\\u001b[2J\\n\":{\"dtype\":\"F32\",\"shape\":[1],"
                          "\"data_offsets\":[0,8]}}",
                          8, &bytes);
    expect_refused_free(&bytes, VITLRP_FORMAT, "'a\\x1B[2J\\x0A'");
}

static void test_infinity_and_nan(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    for (size_t i = 0; i < 2; i++) {
        struct pth_list list;
        struct bytes bytes;
        uint32_t bits = i == 0 ? 0x7F800000U : 0xFFC00001U;
        float data[8] = {0};
        memcpy(&data[5], &bits, sizeof bits);
        pth_timm(&list, &config);
        for (size_t k = 0; k < list.count; k++) {
            if (strcmp(list.items[k].name, "blocks.1.norm2.bias") == 0) {
                list.items[k].data = data;
            }
        }
        safetensors_make(&list, "F32", NULL, &bytes);
        expect_refused_free(&bytes, VITLRP_NUMERIC, "'blocks.1.norm2.bias'");
    }
}

/* Weights that no training gives: the tensor, the reason and what to do, before they become a map
 * that cannot be drawn. */
static void test_f25_absurd_weights(void **unused) {
    static const float VALUES[] = {1e38F, -1e38F, 1.1e30F, 1e30F, -1e30F};
    struct vit_config config = small_config();
    (void) unused;
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        struct pth_list list;
        struct bytes bytes;
        float data[8] = {0};
        data[7] = VALUES[i];
        pth_timm(&list, &config);
        for (size_t k = 0; k < list.count; k++) {
            if (strcmp(list.items[k].name, "norm.weight") == 0) {
                list.items[k].data = data;
            }
        }
        safetensors_make(&list, "F32", NULL, &bytes);
        if (i < 3) {
            expect_refused(&bytes, VITLRP_NUMERIC, "tensor 'norm.weight': holds 1");
            expect_refused_free(&bytes, VITLRP_NUMERIC, "download it again");
        } else {
            vit_model_free(expect_loaded_free(&bytes, 2));
        }
    }
}

/* A sound model cut at every 97th byte. */
static void test_truncation(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    pth_timm(&list, &config);
    safetensors_make(&list, "F16", NULL, &bytes);
    size_t whole = bytes.size;
    for (size_t size = 0; size < whole; size += 97) {
        /* A copy of just that size, so that a read beyond it is seen. */
        struct bytes cut = {mem_calloc(size, 1), size};
        assert_non_null(cut.data);
        memcpy(cut.data, bytes.data, size);
        expect_refused_free(&cut, VITLRP_FORMAT, "");
    }
    bytes_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_headers),    cmocka_unit_test(test_accepted_headers),
        cmocka_unit_test(test_refused_lengths),    cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names_are_escaped),  cmocka_unit_test(test_infinity_and_nan),
        cmocka_unit_test(test_f25_absurd_weights), cmocka_unit_test(test_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
