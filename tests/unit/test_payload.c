/* Reading deflated bytes: every size around the buffers that they pass through, and no more work
 * than there are storages. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "support/load_checks.h"
#include "support/unit.h"
#include "vit/load/payload.h"
#include "vit/load/pickle.h"

/* ---- What zlib was asked for ---- */

static size_t streams_opened;
static uint64_t bytes_unpacked;

/* In the place of zlib's, which do the work. */
int inflateInit2_(z_stream *stream, int bits, const char *version, int size) {
    int (*real)(z_stream *, int, const char *, int);
    *(void **) &real = dlsym(RTLD_NEXT, "inflateInit2_");
    streams_opened++;
    return real(stream, bits, version, size);
}

int inflate(z_stream *stream, int flush) {
    int (*real)(z_stream *, int);
    *(void **) &real = dlsym(RTLD_NEXT, "inflate");
    uLong before = stream->total_out;
    int result = real(stream, flush);
    bytes_unpacked += stream->total_out - before;
    return result;
}

/* ---- f12 ---- */

/* The bytes of a stream, read in steps. */
static void check_stream(const unsigned char *data, size_t size, const struct bytes *packed,
                         size_t step) {
    struct source source = source_over(packed->data, packed->size);
    struct extent extent = {.stored = packed->size, .size = size, .deflated = true};
    struct payload payload;
    struct vitlrp_error err = {0};
    unsigned char *out = mem_calloc(size, 1);
    assert_non_null(out);
    assert_int_equal(payload_open(&source, &extent, &payload, &err), VITLRP_OK);
    for (size_t at = 0; at < size; at += step) {
        size_t length = step < size - at ? step : size - at;
        if (payload_read(&payload, out + at, length, &err) != VITLRP_OK) {
            fail_msg("%zu bytes as %zu, in steps of %zu: %s", size, packed->size, step,
                     err.message);
        }
    }
    assert_memory_equal(out, data, size);
    payload_close(&payload);
    mem_free(out);
}

/* A whole deflate stream may be taken in before its last bytes are given out: the rest is asked for
 * before more input is. */
static void test_f12_pending_output(void **unused) {
    static const size_t BUFFERS[] = {1 << 15, 1 << 16, 1 << 17, 1 << 20};
    static const int STRATEGIES[] = {Z_DEFAULT_STRATEGY, Z_RLE, Z_FIXED, Z_HUFFMAN_ONLY};
    const size_t most = ((size_t) 1 << 20) + 600;
    unsigned char *zeros = mem_calloc(most, 1);
    (void) unused;
    assert_non_null(zeros);
    for (size_t b = 0; b < sizeof BUFFERS / sizeof *BUFFERS; b++) {
        size_t pace = BUFFERS[b] < 1 << 20 ? 1 : 37;
        for (size_t size = BUFFERS[b] - 2; size < BUFFERS[b] + 300; size += pace) {
            struct bytes packed;
            deflate_bytes(zeros, size, 6, STRATEGIES[size % 4], &packed);
            check_stream(zeros, size, &packed, (size_t) 1 << 15);
            check_stream(zeros, size, &packed, size);
            bytes_free(&packed);
        }
    }
    mem_free(zeros);
}

/* Input around multiples of the buffer that it comes through, of bytes that deflate cannot shorten
 * and of bytes that it can. */
static void test_f12_input_buffers(void **unused) {
    const size_t most = (size_t) 3 << 16;
    unsigned char *bytes = mem_calloc(most, 1);
    uint32_t state = 1;
    (void) unused;
    assert_non_null(bytes);
    for (size_t i = 0; i < most; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (unsigned char) (i % 3 == 0 ? state >> 24 : 7);
    }
    for (size_t size = most - 40; size < most; size++) {
        struct bytes packed;
        deflate_bytes(bytes, size, (int) (size % 10), Z_DEFAULT_STRATEGY, &packed);
        check_stream(bytes, size, &packed, 4096 + size % 7);
        bytes_free(&packed);
    }
    mem_free(bytes);
}

/* A stream that really ends too early is refused still. */
static void test_truncated_streams(void **unused) {
    unsigned char zeros[5000] = {0};
    struct bytes packed;
    (void) unused;
    deflate_bytes(zeros, sizeof zeros, 6, Z_DEFAULT_STRATEGY, &packed);
    for (size_t stored = 0; stored < packed.size; stored++) {
        struct source source = source_over(packed.data, packed.size);
        struct extent extent = {.stored = stored, .size = sizeof zeros + 1, .deflated = true};
        struct bytes out;
        struct vitlrp_error err = {0};
        assert_int_equal(payload_read_all(&source, &extent, 1 << 20, &out, &err), VITLRP_FORMAT);
    }
    bytes_free(&packed);
}

/* ---- f03 ---- */

/* However many tensors are views of a deflated storage, it is unpacked once. */
static void test_f03_shared_storage(void **unused) {
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    struct pth_options options = {.share = true, .at_end = true, .deflate = true};
    size_t at = 0;
    (void) unused;
    config.patch_height = config.patch_width = 64;
    config.image_height = config.image_width = 128;
    pth_timm(&list, &config);
    while (strcmp(list.items[at].name, "patch_embed.proj.weight") != 0) {
        at++;
    }
    struct pth_tensor first = list.items[0];
    list.items[0] = list.items[at];
    list.items[at] = first;
    pth_make(&list, &options, &bytes);
    streams_opened = 0;
    bytes_unpacked = 0;
    struct vit_model *model = expect_loaded(&bytes, 2);
    assert_int_equal(streams_opened, 1);
    assert_int_equal(bytes_unpacked, (size_t) 8 * 3 * 64 * 64 * sizeof(float));
    float last = pth_value("patch_embed.proj.weight", (size_t) 8 * 3 * 64 * 64 - 1);
    assert_true(model->weights.cls_token[7] == last);
    assert_true(model->weights.blocks[1].fc1_bias[15] == last);
    vit_model_free(model);
    bytes_free(&bytes);
}

/* The storage is held beside the weights: both together are within the limit. */
static void test_f03_limit_of_storage(void **unused) {
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    struct pth_options options = {.share = true, .deflate = true};
    struct vitlrp_model_limits limits = vit_load_limits_default();
    struct vit_load_options load = {.heads = 2, .limits = &limits};
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    struct pth_tensor large = {
        .name = "patch_embed.proj.weight", .rank = 4, .shape = {8, 3, 64, 64}};
    size_t storage = (size_t) 8 * 3 * 64 * 64 * sizeof(float);
    config.patch_height = config.patch_width = 64;
    config.image_height = config.image_width = 128;
    pth_timm(&list, &config);
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.items[i].name, large.name) == 0) {
            list.items[i] = list.items[0];
            list.items[0] = large;
        }
    }
    pth_make(&list, &options, &bytes);
    model = expect_loaded(&bytes, 2);
    limits.max_bytes = model->storage_bytes + storage - 1;
    assert_true(limits.max_bytes >= bytes.size);
    vit_model_free(model);
    model = NULL;
    assert_int_equal(vit_model_load_memory(bytes.data, bytes.size, "made", &load, &model, &err),
                     VITLRP_LIMIT);
    assert_non_null(
        strstr(err.message, "its storage: 393216 bytes are more than the limit of 393215"));
    bytes_free(&bytes);
}

/* Deflated headers of arrays that are long and all alike are counted together. */
static void test_f03_headers_of_arrays(void **unused) {
    static char blanks[(1 << 16) - 60];
    char header[1 << 16];
    struct npz_entry entries[260];
    char names[260][8];
    struct bytes bytes;
    (void) unused;
    memset(blanks, ' ', sizeof blanks - 1);
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, %s'shape': ()}",
             blanks + 100);
    for (size_t i = 0; i < 260; i++) {
        snprintf(names[i], sizeof names[i], "%zu.npy", i);
        entries[i] = (struct npz_entry){names[i], header, 4};
    }
    npz_of_entries(entries, 260, &bytes);
    expect_refused_free(&bytes, VITLRP_LIMIT, "take more than the limit of 16777216 bytes");
}

/* Many storages of one long key, which every comparison of two of them would walk. */
static void test_f03_keys_of_storages(void **unused) {
    static const char HEAD[] = "\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\x02\0\0";
    static const char TAIL[] = "X\x03\0\0\0cpuK\x04tQ.";
    unsigned char pickle[sizeof HEAD + 513 + sizeof TAIL];
    struct pickle parsed;
    struct vitlrp_error err = {0};
    size_t consumed = 0;
    (void) unused;
    for (size_t length = 512; length <= 513; length++) {
        size_t used = sizeof HEAD - 1;
        memcpy(pickle, HEAD, used);
        pickle[used - 4] = (unsigned char) length;
        memset(pickle + used, 'k', length);
        memcpy(pickle + used + length, TAIL, sizeof TAIL - 1);
        used += length + sizeof TAIL - 1;
        pickle[sizeof HEAD - 1 - 4] = (unsigned char) (length & 0xFF);
        enum vitlrp_status status = pickle_parse(pickle, used, 1000, &consumed, &parsed, &err);
        assert_int_equal(status, length <= 512 ? VITLRP_OK : VITLRP_FORMAT);
        pickle_free(&parsed);
    }
    assert_non_null(strstr(err.message, "strange persistent id"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f12_pending_output),   cmocka_unit_test(test_f12_input_buffers),
        cmocka_unit_test(test_truncated_streams),    cmocka_unit_test(test_f03_shared_storage),
        cmocka_unit_test(test_f03_limit_of_storage), cmocka_unit_test(test_f03_headers_of_arrays),
        cmocka_unit_test(test_f03_keys_of_storages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
