/* Profiles: what is counted adds up, passes have the same bits with and without one, and nothing is
 * counted outside of them. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/attribution.h"
#include "support/golden.h"
#include "vit/program/session.h"
#include "vit/program/through.h"
#include "vitlrp.h"

#include "support/unit.h"

enum { DIM = 32, MLP = 128, PATCH_PIXELS = 3 * 8 * 8 };

static const struct vitlrp_target TARGET = {PARITY_TARGET, 1.0F};

static struct vit_session *open_session(const struct vit_model *model,
                                        struct vit_session_options options) {
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    options.backend = "auto";
    if (vit_session_open(model, &options, &session, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return session;
}

static void forward(struct vit_session *session, float *logits) {
    struct vitlrp_error err = {0};
    float *input = parity_input();
    assert_int_equal(vit_forward(session, input, logits, &err), VITLRP_OK);
    mem_free(input);
}

static void relevance(struct vit_session *session, const char *method, float *pixels,
                      struct vitlrp_ledger_entry *ledger) {
    struct vitlrp_error err = {0};
    const struct vitlrp_method_options options = defaults_of(method);
    struct vit_relevance result = {.pixels = pixels, .ledger = ledger};
    assert_int_equal(vit_relevance(session, &TARGET, 1, &options.rules, &result, &err), VITLRP_OK);
}

static double total_flops(const struct vit_session *session, enum profile_pass pass) {
    const struct profile *profile = vit_session_profile(session);
    double sum = 0.0;
    for (size_t i = 0; i < PROFILE_KINDS; i++) {
        sum += profile->entries[pass][i].flops;
    }
    return sum;
}

static void test_forward_adds_up(void **unused) {
    (void) unused;
    struct vit_model *model = parity_model();
    for (int keep = 0; keep < 2; keep++) {
        struct vit_session *session = open_session(
            model, (struct vit_session_options){.threads = 2, .keep_all_tokens = keep != 0});
        double flops = vit_session_forward_flops(session);
        vit_session_profile_start(session);
        forward(session, NULL);
        assert_true(flops > 0.0 && total_flops(session, PROFILE_FORWARD) == flops);
        forward(session, NULL);
        assert_true(total_flops(session, PROFILE_FORWARD) == 2.0 * flops);
        assert_true(vit_session_profile(session)->passes[PROFILE_FORWARD] == 2);
        assert_true(vit_session_profile(session)->passes[PROFILE_BACKWARD] == 0);
        assert_true(total_flops(session, PROFILE_BACKWARD) == 0.0);
        vit_session_close(session);
    }
    vit_model_free(model);
}

/* Products of an attribution by kind: those of the rules, written out. */
struct factors {
    double attention, qkv, mlp, ends;
};

static double backward_flops(struct factors factors) {
    double tokens = PARITY_TOKENS;
    double sum = factors.ends * 2.0 * DIM * (PARITY_CLASSES + PARITY_PATCHES * PATCH_PIXELS);
    for (int block = 0; block < PARITY_DEPTH; block++) {
        double rows = block + 1 < PARITY_DEPTH ? tokens : 1.0;
        sum += factors.mlp * 2.0 * 2.0 * rows * DIM * MLP;
        sum += 2.0 * rows * DIM * DIM;
        sum += factors.attention * 2.0 * rows * tokens * DIM;
        sum += 2.0 * DIM * DIM * (tokens + factors.qkv * (rows + tokens));
    }
    return sum;
}

static double counted(struct vit_session *session, const char *method) {
    vit_session_profile_start(session);
    relevance(session, method, NULL, NULL);
    return total_flops(session, PROFILE_BACKWARD);
}

static void test_backward_adds_up(void **unused) {
    (void) unused;
    struct vit_model *model = parity_model();
    for (int keep = 0; keep < 2; keep++) {
        struct vit_session *session = open_session(
            model, (struct vit_session_options){.threads = 1, .keep_totals = keep != 0});
        double again = keep != 0 ? 2.0 : 3.0; /* products of a gamma layer of the MLP */
        forward(session, NULL);
        assert_true(counted(session, "attnlrp-eps") ==
                    backward_flops((struct factors){4.0, 1.0, 1.0, 1.0}));
        assert_true(counted(session, "attnlrp") ==
                    backward_flops((struct factors){4.0, 1.0, 3.0, 3.0}));
        assert_true(counted(session, "attnlrp") ==
                    backward_flops((struct factors){4.0, 1.0, again, 3.0}));
        assert_true(counted(session, "cp-lrp") ==
                    backward_flops((struct factors){1.0, 0.0, again, 3.0}));
        forward(session, NULL);
        assert_true(counted(session, "cp-lrp") ==
                    backward_flops((struct factors){1.0, 0.0, 3.0, 3.0}));
        vit_session_close(session);
    }
    vit_model_free(model);
}

/* Conditional maps are one backward pass, whatever comes behind it. */
static void test_conditional_maps_are_a_pass(void **unused) {
    static const int32_t UNIT = 3;
    float pixels[PARITY_INPUT];
    struct vitlrp_error err = {0};
    struct vitlrp_unit_group group = {
        .site = VITLRP_SITE_FC1, .block = 1, .indices = &UNIT, .count = 1, .pixels = pixels};
    const struct vitlrp_method_options options = defaults_of("attnlrp");
    const struct vit_through through = {.targets = &TARGET,
                                        .target_count = 1,
                                        .rules = &options.rules,
                                        .groups = &group,
                                        .group_count = 1};
    (void) unused;
    struct vit_model *model = parity_model();
    struct vit_session *session =
        open_session(model, (struct vit_session_options){.threads = 1, .keep_all_tokens = true});
    forward(session, NULL);
    vit_session_profile_start(session);
    assert_int_equal(vit_session_through(session, &through, &err), VITLRP_OK);
    assert_true(vit_session_profile(session)->passes[PROFILE_BACKWARD] == 1);
    assert_true(total_flops(session, PROFILE_BACKWARD) > 0.0);
    vit_session_close(session);
    vit_model_free(model);
}

struct outcome {
    float logits[PARITY_CLASSES];
    float pixels[PARITY_INPUT];
    struct vitlrp_ledger_entry ledger[64];
};

static void run_profiled(const struct vit_model *model, bool profiled, struct outcome *out) {
    struct vit_session *session =
        open_session(model, (struct vit_session_options){.threads = 2, .keep_totals = true});
    memset(out, 0, sizeof *out);
    assert_true(vit_ledger_length(model) <= 64);
    if (profiled) {
        vit_session_profile_start(session);
    }
    forward(session, out->logits);
    relevance(session, "attnlrp", out->pixels, out->ledger);
    relevance(session, "attnlrp", out->pixels, out->ledger);
    vit_session_close(session);
}

static void test_same_bits(void **unused) {
    struct outcome plain;
    struct outcome profiled;
    (void) unused;
    struct vit_model *model = parity_model();
    run_profiled(model, false, &plain);
    run_profiled(model, true, &profiled);
    assert_memory_equal(plain.logits, profiled.logits, sizeof plain.logits);
    assert_memory_equal(plain.pixels, profiled.pixels, sizeof plain.pixels);
    for (size_t i = 0; i < vit_ledger_length(model); i++) {
        assert_string_equal(plain.ledger[i].kind, profiled.ledger[i].kind);
        assert_true(plain.ledger[i].absorbed == profiled.ledger[i].absorbed);
    }
    vit_model_free(model);
}

/* The kinds' seconds are no less than nothing and no more than what a watch beside them shows. */
static void test_seconds_lie_within_the_pass(void **unused) {
    double sum = 0.0;
    (void) unused;
    struct vit_model *model = parity_model();
    struct vit_session *session =
        open_session(model, (struct vit_session_options){.threads = 1, .keep_totals = true});
    double start = clock_seconds();
    vit_session_profile_start(session);
    forward(session, NULL);
    relevance(session, "attnlrp", NULL, NULL);
    double passed = clock_seconds() - start;
    for (size_t pass = 0; pass < PROFILE_PASSES; pass++) {
        for (size_t i = 0; i < PROFILE_KINDS; i++) {
            double seconds = vit_session_profile(session)->entries[pass][i].seconds;
            assert_true(seconds >= 0.0);
            sum += seconds;
        }
    }
    assert_true(sum > 0.0 && sum <= passed * (1.0 + 1e-9));
    vit_session_close(session);
    vit_model_free(model);
}

static void count_views(void *user, const struct vit_attention_view *view) {
    (void) view;
    *(size_t *) user += 1;
}

static void test_only_passes_count(void **unused) {
    struct vitlrp_error err = {0};
    size_t views = 0;
    struct vit_attention_visitor visitor = {count_views, &views};
    float bad[PARITY_INPUT] = {NAN};
    (void) unused;
    struct vit_model *model = parity_model();
    struct vit_session *session =
        open_session(model, (struct vit_session_options){.threads = 1, .attention_maps = true});
    forward(session, NULL);
    assert_true(total_flops(session, PROFILE_FORWARD) == 0.0);
    vit_session_profile_start(session);
    assert_int_equal(vit_visit_attention(session, &visitor, &err), VITLRP_OK);
    assert_int_equal(vit_block_gradient(session, 1, &TARGET, 1, &visitor, &err), VITLRP_OK);
    assert_true(views > 0);
    assert_int_equal(vit_forward(session, bad, NULL, &err), VITLRP_NUMERIC);
    assert_true(total_flops(session, PROFILE_FORWARD) == 0.0);
    assert_true(total_flops(session, PROFILE_BACKWARD) == 0.0);
    forward(session, NULL);
    double flops = total_flops(session, PROFILE_FORWARD);
    vit_session_profile_stop(session);
    forward(session, NULL);
    assert_true(flops > 0.0 && total_flops(session, PROFILE_FORWARD) == flops);
    vit_session_profile_start(session);
    assert_true(total_flops(session, PROFILE_FORWARD) == 0.0);
    vit_session_close(session);
    vit_model_free(model);
}

static void test_public(void **unused) {
    static const char *const NAMES[] = {"conv", "norm", "qkv", "attention", "proj",
                                        "fc1",  "gelu", "fc2", "head",      "other"};
    struct vitlrp_profile_entry entries[16];
    struct vitlrp_profile profile;
    struct vitlrp_architecture shape;
    struct vitlrp_session *session = NULL;
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    float input[3 * 16 * 16] = {0};
    float logits[10];
    double flops = 0.0;
    (void) unused;
    vitlrp_architecture_init(&shape);
    shape.image_size = 16;
    shape.patch_size = 8;
    shape.dim = 16;
    shape.heads = 2;
    shape.mlp_dim = 32;
    shape.depth = 2;
    shape.classes = 10;
    assert_int_equal(vitlrp_model_random(&shape, &model, &error), VITLRP_OK);
    assert_int_equal(vitlrp_session_open(model, NULL, &session, &error), VITLRP_OK);
    assert_true(vitlrp_profile_length() == sizeof NAMES / sizeof NAMES[0]);
    vitlrp_session_profile_start(session);
    assert_int_equal(vitlrp_session_forward(session, input, logits, &error), VITLRP_OK);
    vitlrp_session_profile_stop(session);
    vitlrp_profile_init(&profile);
    profile.forward = entries;
    assert_int_equal(vitlrp_session_profile(session, &profile, &error), VITLRP_OK);
    assert_true(profile.forward_passes == 1 && profile.backward_passes == 0);
    for (size_t i = 0; i < vitlrp_profile_length(); i++) {
        assert_string_equal(entries[i].name, NAMES[i]);
        flops += entries[i].flops;
    }
    assert_true(flops == vitlrp_session_forward_flops(session));
    profile.struct_size = 0;
    assert_int_equal(vitlrp_session_profile(session, &profile, &error), VITLRP_USAGE);
    vitlrp_session_close(session);
    vitlrp_model_close(model);
}

/* Every backend that is listed opens, and a name beyond the last is NULL. */
static void test_backends(void **unused) {
    struct vitlrp_session_options options;
    struct vitlrp_session_info info;
    struct vitlrp_session *session = NULL;
    struct vitlrp_model *model = NULL;
    struct vitlrp_architecture shape;
    size_t count = 0;
    (void) unused;
    vitlrp_architecture_init(&shape);
    shape.image_size = 32;
    shape.dim = 64;
    shape.depth = 1;
    shape.heads = 1;
    shape.mlp_dim = 64;
    assert_int_equal(vitlrp_model_random(&shape, &model, NULL), VITLRP_OK);
    vitlrp_session_options_init(&options);
    vitlrp_session_info_init(&info);
    for (; (options.backend = vitlrp_backend_name(count)) != NULL; count++) {
        assert_int_equal(vitlrp_session_open(model, &options, &session, NULL), VITLRP_OK);
        vitlrp_session_describe(session, &info);
        assert_string_equal(info.backend, vitlrp_backend_name(count));
        vitlrp_session_close(session);
    }
    assert_true(count >= 1);
    assert_null(vitlrp_backend_name(count + 1));
    vitlrp_model_close(model);
}

static void test_description_of_the_build(void **state) {
    (void) state;
    char whole[4096];
    char cut[10] = "xxxxxxxxx";
    vitlrp_describe_build(whole, sizeof whole);
    assert_non_null(strstr(whole, "OpenBLAS 0."));
    assert_int_equal(whole[strlen(whole) - 1], '\n');
    vitlrp_describe_build(cut, sizeof cut);
    assert_string_equal(cut, "kernels: ");
    vitlrp_describe_build(cut, 0);
    assert_string_equal(cut, "kernels: ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_adds_up),
        cmocka_unit_test(test_backward_adds_up),
        cmocka_unit_test(test_conditional_maps_are_a_pass),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_seconds_lie_within_the_pass),
        cmocka_unit_test(test_only_passes_count),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_backends),
        cmocka_unit_test(test_description_of_the_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
