/* Thousands of damaged checkpoints, made from sound ones with a fixed seed: each loads or is
 * refused with a message, and nothing else happens (run under the sanitizers to see more). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/golden.h"
#include "support/load_checks.h"

#include "support/unit.h"

#define ROUNDS 600

/* Changes a few bytes, mostly where the structure is: the beginning and the end. */
static void mutate(struct test_random *random, unsigned char *data, size_t size) {
    static const unsigned char TELLING[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, '"', '(', '.', '9', '['};
    size_t changes = 1 + test_below(random, 4);
    for (size_t i = 0; i < changes; i++) {
        size_t zone = size < 8192 ? size : 8192;
        size_t where = test_below(random, 4);
        size_t at = where == 0   ? test_below(random, size)
                    : where == 1 ? size - 1 - test_below(random, zone)
                                 : test_below(random, zone);
        switch (test_below(random, 4)) {
        case 0:
            data[at] ^= (unsigned char) (1U << test_below(random, 8));
            break;
        case 1:
            data[at] = TELLING[test_below(random, sizeof TELLING)];
            break;
        case 2:
            data[at] = (unsigned char) test_below(random, 256);
            break;
        default:
            data[at] = data[test_below(random, zone)];
            break;
        }
    }
}

/* Loads a mutated copy of exactly its size; returns whether that worked. */
static bool try_mutant(struct test_random *random, const struct bytes *sound) {
    bool cut = test_below(random, 8) == 0;
    size_t size = cut ? test_below(random, sound->size) + 1 : sound->size;
    struct bytes mutant = {mem_calloc(size, 1), size};
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    struct vit_load_options options = {.heads = 4};
    assert_non_null(mutant.data);
    memcpy(mutant.data, sound->data, size);
    mutate(random, mutant.data, size);
    enum vitlrp_status status =
        vit_model_load_memory(mutant.data, size, "mutant", &options, &model, &err);
    assert_true((status == VITLRP_OK) == (model != NULL));
    if (status != VITLRP_OK) {
        assert_int_equal(err.status, status);
        assert_true(strlen(err.message) > strlen("mutant: "));
        assert_true(status != VITLRP_INTERNAL && status != VITLRP_USAGE && status != VITLRP_NOMEM);
    }
    vit_model_free(model);
    bytes_free(&mutant);
    return status == VITLRP_OK;
}

static void mutate_file(const char *name) {
    char path[512];
    struct bytes sound;
    struct vitlrp_error err = {0};
    struct test_random random = {20240131};
    size_t loaded = 0;
    snprintf(path, sizeof path, "%s/golden/parity/%s", TEST_DATA, name);
    assert_int_equal(file_read(path, (size_t) 1 << 24, &sound, &err), VITLRP_OK);
    for (size_t i = 0; i < ROUNDS; i++) {
        loaded += try_mutant(&random, &sound);
    }
    bytes_free(&sound);
    /* Some changes must do harm, or the test does not test. */
    assert_true(loaded < ROUNDS);
}

static void test_parity_files(void **unused) {
    static const char *const files[] = {
        "torchvision.pth",  "timm_wrapped.pth",     "torchvision_legacy_container.pth",
        "timm.safetensors", "timm_f16.safetensors", "huggingface/model.safetensors",
        "jax.npz",
    };
    (void) unused;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        mutate_file(files[i]);
    }
}

/* Small files, so that most changes meet structure, deflated ones among them. */
static void test_small_files(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes files[4];
    size_t loaded[4] = {0};
    pth_timm(&list, &config);
    pth_make(&list, &(struct pth_options){.wrapper = "model", .parameters = true}, &files[0]);
    safetensors_make(&list, "BF16", "{\"num_heads\":2}", &files[1]);
    npz_make(&list, false, &files[2]);
    npz_make(&list, true, &files[3]);
    struct test_random random = {77};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < ROUNDS; k++) {
            loaded[i] += try_mutant(&random, &files[i]);
        }
        bytes_free(&files[i]);
        assert_true(loaded[i] < ROUNDS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parity_files),
        cmocka_unit_test(test_small_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
