/* Tensors in the caller's memory: the model of the file that has them, and what describes none, by
 * its name. */
#include <string.h>

#include "base/little_endian.h"
#include "base/mem.h"
#include "support/load_checks.h"

#include "support/unit.h"

/* The tensors of a small model. */
struct given {
    struct pth_list list;
    struct vitlrp_tensor items[PTH_MAX_TENSORS];
    int64_t shapes[PTH_MAX_TENSORS][4];
};

static void fill(struct vitlrp_tensor *out, int64_t shape[4], const struct pth_tensor *tensor) {
    size_t count = 1;
    for (size_t k = 0; k < tensor->rank; k++) {
        shape[k] = (int64_t) tensor->shape[k];
        count *= tensor->shape[k];
    }
    float *data = mem_calloc(count, sizeof *data);
    for (size_t i = 0; i < count; i++) {
        data[i] = pth_value(tensor->name, i);
    }
    little_endian_turn(data, sizeof *data, count);
    *out = (struct vitlrp_tensor){.name = tensor->name,
                                  .type = "F32",
                                  .shape = shape,
                                  .rank = tensor->rank,
                                  .data = data,
                                  .size = count * sizeof *data};
}

static struct given *open_given(void) {
    struct given *given = mem_calloc(1, sizeof *given);
    const struct vit_config config = small_config();
    pth_timm(&given->list, &config);
    for (size_t i = 0; i < given->list.count; i++) {
        fill(&given->items[i], given->shapes[i], &given->list.items[i]);
    }
    return given;
}

static void close_given(struct given *given) {
    for (size_t i = 0; i < given->list.count; i++) {
        mem_free((void *) given->items[i].data);
    }
    mem_free(given);
}

static void test_model_of_the_file(void **unused) {
    struct given *given = open_given();
    const struct memory_tensors tensors = {given->items, given->list.count};
    const struct vit_load_options options = {.heads = 2};
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    struct bytes bytes;
    (void) unused;
    safetensors_make(&given->list, "F32", NULL, &bytes);
    struct vit_model *wanted = expect_loaded_free(&bytes, 2);
    assert_int_equal(vit_model_load_tensors(&tensors, "made", &options, &model, &err), VITLRP_OK);
    assert_true(weights_difference(model, wanted) == 0.0);
    assert_string_equal(model->container, "memory");
    vit_model_free(model);
    vit_model_free(wanted);
    close_given(given);
}

static void expect_status(const struct given *given, const struct vitlrp_tensor *first,
                          size_t max_bytes, enum vitlrp_status wanted, const char *word) {
    struct vitlrp_tensor items[PTH_MAX_TENSORS];
    const struct memory_tensors tensors = {items, given->list.count};
    struct vitlrp_model_limits limits = vit_load_limits_default();
    const struct vit_load_options options = {.heads = 2, .limits = &limits};
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    limits.max_bytes = max_bytes > 0 ? max_bytes : limits.max_bytes;
    memcpy(items, given->items, sizeof items);
    items[0] = *first;
    enum vitlrp_status status = vit_model_load_tensors(&tensors, "made", &options, &model, &err);
    if (status != wanted || strstr(err.message, word) == NULL) {
        fail_msg("status %d, wanted %d; '%s' in: %s", status, wanted, word, err.message);
    }
    vit_model_free(model);
}

static void test_descriptions_that_are_refused(void **unused) {
    static const int64_t NEGATIVE[] = {1, -1, 8};
    struct given *given = open_given();
    const struct vitlrp_tensor sound = given->items[0];
    struct vitlrp_tensor bad[8];
#define FIRST "made: tensor 'cls_token': "
    static const char *const WORDS[8] = {"made: a tensor has no name",
                                         FIRST "its type '' is not known",
                                         FIRST "its type 'U8x' is not known",
                                         FIRST "its shape must have at most 8 sizes",
                                         FIRST "its shape must have at most 8 sizes",
                                         FIRST "a size of its shape is negative",
                                         FIRST "it has 31 bytes, its shape and type need 32",
                                         FIRST "its data are NULL"};
#undef FIRST
    size_t bytes = 0;
    (void) unused;
    for (size_t i = 0; i < 8; i++) {
        bad[i] = sound;
    }
    bad[0].name = NULL;
    bad[1].type = NULL;
    bad[2].type = "U8x";
    bad[3].rank = 9;
    bad[4].shape = NULL;
    bad[5].shape = NEGATIVE;
    bad[6].size--;
    bad[7].data = NULL;
    for (size_t i = 0; i < 8; i++) {
        expect_status(given, &bad[i], 0, VITLRP_USAGE, WORDS[i]);
    }
    for (size_t i = 0; i < given->list.count; i++) {
        bytes += given->items[i].size;
    }
    /* The model needs a little more than its tensors have. */
    expect_status(given, &sound, bytes, VITLRP_LIMIT, "made: its weights need");
    expect_status(given, &sound, bytes - 1, VITLRP_LIMIT, "made: its tensors have more");
    close_given(given);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_of_the_file),
        cmocka_unit_test(test_descriptions_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
