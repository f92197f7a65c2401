/* LayerScale is an operation of its own: the rules see the outputs of proj and fc2, not those times
 * the factors. */
#include <math.h>
#include <stdlib.h>

#include "support/load_checks.h"
#include "support/naive_vit.h"
#include "vit/program/session.h"

#include "support/unit.h"

enum { DIM = 8, INPUT = 3 * 8 * 8, PATCHES = 4, CLASSES = 3, FACTOR = 4, EMBEDDING = 4 };

static const float SCALES[DIM] = {0.25F, 0.25F, 0.25F, 0.25F, 0.25F, 0.25F, 0.25F, 0.25F};

/* The epsilon of LayerNorm, and what suits a stream of FACTOR times the size. */
#define SMALL_STREAM "{\"layer_norm_eps\":9.5367431640625e-07}"
#define LARGE_STREAM "{\"layer_norm_eps\":1.52587890625e-05}"

static void add_scales(struct pth_list *list) {
    static const char *const names[] = {"blocks.0.ls1.gamma", "blocks.0.ls2.gamma",
                                        "blocks.1.ls1.gamma", "blocks.1.ls2.gamma"};
    for (size_t i = 0; i < 4; i++) {
        pth_add(list, names[i], DIM, 0, 0, 0);
        list->items[list->count - 1].data = SCALES;
    }
}

/* The first tensors of a list are those of the embedding; `values` holds what they become. */
static void enlarge_embedding(struct pth_list *list, float *values) {
    for (size_t i = 0; i < EMBEDDING; i++) {
        struct pth_tensor *tensor = &list->items[i];
        size_t count = 1;
        for (size_t d = 0; d < tensor->rank; d++) {
            count *= tensor->shape[d];
        }
        for (size_t k = 0; k < count; k++) {
            values[k] = FACTOR * pth_value(tensor->name, k);
        }
        tensor->data = values;
        values += count;
    }
}

static struct vit_model *make_model(struct pth_list *list, const char *metadata) {
    struct bytes bytes;
    safetensors_make(list, "F32", metadata, &bytes);
    return expect_loaded_free(&bytes, 2);
}

static void fill_input(float *input) {
    for (size_t i = 0; i < INPUT; i++) {
        input[i] = (float) sin((double) i);
    }
}

static void explain(const struct vit_model *model, const struct vitlrp_rules *rules, float *logits,
                    float *patches) {
    const struct vit_session_options options = {.threads = 1, .backend = "auto"};
    const struct vitlrp_target target = {1, 1.0F};
    struct vit_relevance relevance = {.patches = patches};
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    float input[INPUT];
    fill_input(input);
    assert_int_equal(vit_session_open(model, &options, &session, &err), VITLRP_OK);
    assert_int_equal(vit_forward(session, input, logits, &err), VITLRP_OK);
    assert_int_equal(vit_relevance(session, &target, 1, rules, &relevance, &err), VITLRP_OK);
    vit_session_close(session);
}

/* Branches a quarter of the size join a stream, or branches as they are join one of four times the
 * size: LayerNorm makes that the same, all layers have the same outputs, and so maps are the same
 * under every rule. */
static void test_same_as_a_larger_stream(void **unused) {
    static const struct vitlrp_rules RULES[] = {
        {.attention = VITLRP_ATTENTION_ATTNLRP,
         .gamma = {[VITLRP_ROLE_CONV] = 0.25F},
         .epsilon = 0.1F},
        {.attention = VITLRP_ATTENTION_CP,
         .gamma =
             {[VITLRP_ROLE_CONV] = 0.25F, [VITLRP_ROLE_PROJ] = 0.5F, [VITLRP_ROLE_FC2] = 0.05F}},
    };
    struct vit_config config = small_config();
    struct pth_list list;
    float *enlarged = calloc(4096, sizeof *enlarged);
    (void) unused;
    pth_timm(&list, &config);
    enlarge_embedding(&list, enlarged);
    struct vit_model *large = make_model(&list, LARGE_STREAM);
    pth_timm(&list, &config);
    add_scales(&list);
    struct vit_model *scaled = make_model(&list, SMALL_STREAM);
    for (size_t r = 0; r <= sizeof RULES / sizeof RULES[0]; r++) {
        /* The last of all: the plain gradient. */
        const struct vitlrp_rules *rules = r < sizeof RULES / sizeof RULES[0] ? &RULES[r] : NULL;
        float logits[2][CLASSES];
        float patches[2][PATCHES];
        explain(large, rules, logits[0], patches[0]);
        explain(scaled, rules, logits[1], patches[1]);
        for (size_t i = 0; i < CLASSES; i++) {
            assert_true(logits[0][i] == logits[1][i]);
        }
        for (size_t i = 0; i < PATCHES; i++) {
            assert_true(patches[0][i] != 0.0F && isfinite(patches[0][i]));
            assert_true(fabsf(patches[0][i] - patches[1][i]) <= 1e-5F * fabsf(patches[0][i]));
        }
    }
    vit_model_free(large);
    vit_model_free(scaled);
    free(enlarged);
}

/* Factors of either sign, against the float64 twin. */
static void test_against_the_twin(void **unused) {
    struct vit_config config = small_config();
    struct pth_list list;
    const struct naive_nudge none = {.block = -1};
    float input[INPUT];
    float logits[CLASSES];
    float patches[PATCHES];
    double expected[CLASSES];
    (void) unused;
    pth_timm(&list, &config);
    pth_add(&list, "blocks.0.ls1.gamma", DIM, 0, 0, 0);
    pth_add(&list, "blocks.1.ls2.gamma", DIM, 0, 0, 0);
    struct vit_model *model = make_model(&list, NULL);
    fill_input(input);
    naive_vit(model, input, none, config.depth - 1, expected);
    explain(model, NULL, logits, patches);
    for (size_t i = 0; i < CLASSES; i++) {
        assert_true(fabs(logits[i] - expected[i]) < 1e-5 * (1.0 + fabs(expected[i])));
    }
    vit_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_a_larger_stream),
        cmocka_unit_test(test_against_the_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
