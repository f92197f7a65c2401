/* What a session needs beside the weights, by input size and purpose: printed as the table of
 * src/ARCHITECTURE.md and compared with it, and bounded where the bound is promised. Sizes follow
 * from the model's shape alone, so the models here have no weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "vit/program/session.h"

#include "support/unit.h"

#define MEGABYTE 1e6

static struct vit_model vit_base(int32_t size, int32_t patch) {
    return (struct vit_model){.config = {.image_height = size,
                                         .image_width = size,
                                         .patch_height = patch,
                                         .patch_width = patch,
                                         .grid_height = size / patch,
                                         .grid_width = size / patch,
                                         .prefix = 1,
                                         .dim = 768,
                                         .depth = 12,
                                         .heads = 12,
                                         .mlp_dim = 3072,
                                         .classes = 1000}};
}

static double session_megabytes(int32_t side, int32_t patch,
                                const struct vit_session_options *options) {
    struct vit_model model = vit_base(side, patch);
    struct vitlrp_error err = {0};
    struct vit_session_size size = {0};
    assert_int_equal(vit_session_measure(&model, options, &size, &err), VITLRP_OK);
    return (double) size.bytes / MEGABYTE;
}

/* The three numbers of the document's row that begins so are these, within what another processor
 * or build may need for its products. */
static void check_row(const struct text *document, const char *head, const double megabytes[3]) {
    char *at = strstr(document->data, head);
    assert_non_null(at);
    at += strlen(head);
    for (size_t i = 0; i < 3; i++) {
        double stated = strtod(at, &at);
        assert_true(fabs(stated - megabytes[i]) <= 1.0 + 0.03 * megabytes[i]);
        at += strcspn(at, "0123456789\n");
    }
    assert_int_equal(*at, '\n');
}

static void test_table(void **unused) {
    static const struct { int32_t size, patch; } inputs[] = {{224, 16}, {384, 16}, {518, 14}};
    const struct vit_session_options one = {.threads = 2, .backend = "auto"};
    const struct vit_session_options more = {.threads = 2, .keep_totals = true, .backend = "auto"};
    const struct vit_session_options maps = {
        .threads = 2, .attention_maps = true, .backend = "auto"};
    struct text document = {.limit = 1 << 20};
    struct bytes bytes;
    (void) unused;
    assert_int_equal(file_read(TEST_DATA "/../src/ARCHITECTURE.md", 1 << 20, &bytes, NULL),
                     VITLRP_OK);
    text_append(&document, (const char *) bytes.data, bytes.size);
    printf("ViT-B, 2 threads, MB beside the weights\n");
    printf("| input | tokens | one class | several classes | attention maps |\n");
    printf("| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        int32_t size = inputs[i].size;
        int32_t patch = inputs[i].patch;
        int32_t side = size / patch;
        char head[64];
        const double megabytes[3] = {session_megabytes(size, patch, &one),
                                     session_megabytes(size, patch, &more),
                                     session_megabytes(size, patch, &maps)};
        snprintf(head, sizeof head, "| %d px, patch %d | %d | ", size, patch, side * side + 1);
        printf("%s%.0f | %.0f | %.0f |\n", head, megabytes[0], megabytes[1], megabytes[2]);
        check_row(&document, head, megabytes);
    }
    text_free(&document);
    bytes_free(&bytes);
}

/* The promise: a class explained at 1370 tokens takes less than 700 MB, for any ordinary number of
 * threads. */
static void test_many_tokens(void **unused) {
    (void) unused;
    for (size_t threads = 1; threads <= 64; threads *= 2) {
        const struct vit_session_options options = {.threads = threads, .backend = "auto"};
        assert_true(session_megabytes(518, 14, &options) < 700.0);
    }
}

/* With 16 times the tokens, 16 times the memory and no more. */
static void test_growth_is_linear(void **unused) {
    const struct vit_session_options options = {.threads = 8, .backend = "auto"};
    (void) unused;
    double small = session_megabytes(518, 14, &options) / (37.0 * 37.0 + 1.0);
    double large = session_megabytes(4 * 518, 14, &options) / (148.0 * 148.0 + 1.0);
    assert_true(large <= small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_many_tokens),
        cmocka_unit_test(test_growth_is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
