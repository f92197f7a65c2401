/* One model in every layout and container gives the same weights, bit for bit; in 16 bits, the
 * nearest to them. */
#include <math.h>
#include <string.h>

#include "support/golden.h"
#include "support/load_checks.h"
#include "vit/load/tensor.h"
#include "vit/model/weights.h"

#include "support/unit.h"

static void test_layouts_and_containers(void **unused) {
    static const struct {
        const char *file, *layout, *container;
    } files[] = {
        {"timm.safetensors", "timm", "safetensors"},
        {"timm_wrapped.pth", "timm", "pytorch zip"},
        {"torchvision.pth", "torchvision", "pytorch zip"},
        {"torchvision_legacy_names.pth", "torchvision", "pytorch zip"},
        {"torchvision_legacy_container.pth", "torchvision", "pytorch legacy"},
        {"huggingface", "huggingface", "safetensors"},
        {"huggingface/model.safetensors", "huggingface", "safetensors"},
        {"jax.npz", "jax", "npz"},
    };
    (void) unused;
    struct vit_model *reference = expect_parity("timm.safetensors");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct vit_model *model = expect_parity(files[i].file);
        assert_string_equal(model->layout, files[i].layout);
        assert_string_equal(model->container, files[i].container);
        assert_string_equal(model->stored_as, "F32");
        assert_int_equal(model->parameters, 45258);
        assert_int_equal(model->config.dim, 32);
        assert_int_equal(model->config.depth, 3);
        assert_int_equal(model->config.heads, 4);
        assert_int_equal(model->config.mlp_dim, 128);
        assert_int_equal(model->config.classes, 10);
        assert_int_equal(model->config.image_height, 32);
        assert_int_equal(model->config.patch_width, 8);
        assert_int_equal(model->config.grid_height, 4);
        assert_true(model->config.layer_norm_eps == 1e-6F);
        if (weights_difference(model, reference) != 0.0) {
            fail_msg("%s has other weights than the reference", files[i].file);
        }
        vit_model_free(model);
    }
    vit_model_free(reference);
}

/* Rounding to nearest errs by at most half a unit in the last place: 2^-11 and 2^-8, relatively. */
static void check_rounding(const char *file, const char *type, double relative, double absolute) {
    struct vit_model *reference = expect_parity("timm.safetensors");
    struct vit_model *model = expect_parity(file);
    bool differs = false;
    assert_string_equal(model->stored_as, type);
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        if (slot_repeats(&model->config, slot) == 0) {
            continue;
        }
        struct slot_size size = slot_size(&model->config, slot);
        const float *rounded = slot_data(model, slot, 0);
        const float *exact = slot_data(reference, slot, 0);
        for (size_t i = 0; i < size.rows * size.columns; i++) {
            double error = fabs((double) rounded[i] - (double) exact[i]);
            differs = differs || error > 0;
            assert_true(error <= relative * fabs((double) exact[i]) + absolute);
        }
    }
    assert_true(differs);
    vit_model_free(model);
    vit_model_free(reference);
}

static void test_sixteen_bits(void **unused) {
    (void) unused;
    check_rounding("timm_f16.safetensors", "F16", 0x1p-11, 0x1p-25);
    check_rounding("timm_bf16.safetensors", "BF16", 0x1p-8, 0);
}

/* Every half, subnormals and both zeros included, against its definition. */
static void test_every_half(void **unused) {
    static unsigned char file[2 * 65536];
    static float values[65536];
    (void) unused;
    struct vitlrp_error err = {0};
    for (size_t i = 0; i < 65536; i++) {
        file[2 * i] = (unsigned char) (i & 0xFF);
        file[2 * i + 1] = (unsigned char) (i >> 8);
    }
    for (size_t sign = 0; sign < 2; sign++) {
        struct source source = source_over(file + sign * 65536, 65536);
        struct tensor_info tensor = {.type = element_type_named("F16"),
                                     .source = &source,
                                     .count = 31 * 1024,
                                     .extent = {.stored = 65536, .size = 65536}};
        struct tensor_reader reader;
        assert_int_equal(tensor_reader_open(&tensor, &reader, &err), VITLRP_OK);
        assert_int_equal(tensor_reader_next(&reader, values, tensor.count, &err), VITLRP_OK);
        for (size_t i = 0; i < tensor.count; i++) {
            int exponent = (int) (i >> 10);
            double mantissa = (double) (i & 1023);
            double value =
                exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
            assert_true((double) values[i] == (sign == 1 ? -value : value));
            assert_true((signbit(values[i]) != 0) == (sign == 1));
        }
        /* What follows is infinity, then NaN. */
        assert_int_equal(tensor_reader_next(&reader, values, 1, &err), VITLRP_NUMERIC);
        assert_int_equal(tensor_reader_next(&reader, values, 1, &err), VITLRP_NUMERIC);
        tensor_reader_close(&reader);
    }
}

/* A tensor longer than one conversion step, and values where q, k and v can be told apart. */
static void test_made_files_agree(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    struct pth_options sound = {0};
    config.dim = 192;
    config.mlp_dim = 768;
    config.heads = 3;
    pth_timm(&list, &config);
    safetensors_make(&list, "F32", NULL, &bytes);
    struct vit_model *reference = expect_loaded_free(&bytes, 0);
    assert_int_equal(reference->config.heads, 3);
    assert_true(reference->weights.blocks[1].fc1_weight[70000] ==
                pth_value("blocks.1.mlp.fc1.weight", 70000));
    pth_make(&list, &sound, &bytes);
    struct vit_model *torch = expect_loaded_free(&bytes, 0);
    assert_true(weights_difference(torch, reference) == 0.0);
    vit_model_free(torch);
    for (size_t i = 0; i < 4; i++) {
        if (i < 2) {
            /* Multiples of 1/1024 below 1/8 are exact in both. */
            safetensors_make(&list, i == 0 ? "F16" : "BF16", NULL, &bytes);
        } else {
            npz_make(&list, i == 3, &bytes);
        }
        struct vit_model *model = expect_loaded_free(&bytes, 0);
        assert_true(weights_difference(model, reference) == 0.0);
        vit_model_free(model);
    }
    vit_model_free(reference);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts_and_containers),
        cmocka_unit_test(test_sixteen_bits),
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_made_files_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
