#include "support/load_checks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "vit/model/weights.h"

#include "support/golden.h"
#include "support/unit.h"

struct vit_config small_config(void) {
    return (struct vit_config){.image_height = 8,
                               .image_width = 8,
                               .patch_height = 4,
                               .patch_width = 4,
                               .grid_height = 2,
                               .grid_width = 2,
                               .prefix = 1,
                               .dim = 8,
                               .depth = 2,
                               .heads = 2,
                               .mlp_dim = 16,
                               .classes = 3,
                               .layer_norm_eps = 1e-6F};
}

void safetensors_write(const struct scratch *scratch, const char *name,
                       const struct pth_list *list) {
    struct bytes bytes;
    safetensors_make(list, "F32", NULL, &bytes);
    scratch_write(scratch, name, bytes.data, bytes.size);
    bytes_free(&bytes);
}

struct vit_model *expect_loaded(const struct bytes *bytes, int32_t heads) {
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    struct vit_load_options options = {.heads = heads};
    if (vit_model_load_memory(bytes->data, bytes->size, "made.file", &options, &model, &err) !=
        VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return model;
}

void expect_refused(const struct bytes *bytes, enum vitlrp_status wanted, const char *word) {
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    struct vit_load_options options = {.heads = 2};
    enum vitlrp_status status =
        vit_model_load_memory(bytes->data, bytes->size, "made.file", &options, &model, &err);
    if (status != wanted || strstr(err.message, word) == NULL) {
        fail_msg("status %d, wanted %d; '%s' in: %s", status, wanted, word, err.message);
    }
    assert_int_equal(err.status, wanted);
    assert_null(model);
    assert_int_equal(strncmp(err.message, "made.file: ", strlen("made.file: ")), 0);
    assert_null(strchr(err.message, '\n'));
}

struct vit_model *expect_loaded_free(struct bytes *bytes, int32_t heads) {
    struct vit_model *model = expect_loaded(bytes, heads);
    bytes_free(bytes);
    return model;
}

void expect_refused_free(struct bytes *bytes, enum vitlrp_status wanted, const char *word) {
    expect_refused(bytes, wanted, word);
    bytes_free(bytes);
}

struct vit_model *expect_parity(const char *name) {
    char path[512];
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    struct vit_load_options options = {.heads = 4};
    snprintf(path, sizeof path, "%s/golden/parity/%s", TEST_DATA, name);
    if (vit_model_load(path, &options, &model, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return model;
}

double weights_difference(const struct vit_model *a, const struct vit_model *b) {
    double largest = 0.0;
    assert_int_equal(a->config.depth, b->config.depth);
    assert_true(a->config.unusual == b->config.unusual);
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        struct slot_size size = slot_size(&a->config, slot);
        size_t count = size.rows * size.columns;
        assert_int_equal(count,
                         slot_size(&b->config, slot).rows * slot_size(&b->config, slot).columns);
        for (size_t block = 0; block < slot_repeats(&a->config, slot); block++) {
            const float *left = slot_data(a, slot, block);
            const float *right = slot_data(b, slot, block);
            if (memcmp(left, right, count * sizeof *left) != 0) {
                double difference = largest_difference(left, right, count);
                /* Zeros of different signs differ in bits alone. */
                largest = fmax(largest, fmax(difference, 1e-300));
            }
        }
    }
    return largest;
}
