/* The methods through the public header. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/golden.h"
#include "vitlrp.h"

#include "support/unit.h"

enum { INPUT = 3 * 32 * 32, PATCHES = 16, CLASSES = 10, TOKENS = 17, DIM = 32 };

static const struct vitlrp_target TARGET = {8, 1.0F};

static struct vitlrp_model *open_model(void) {
    char path[512];
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = 4;
    snprintf(path, sizeof path, "%s/golden/parity/timm.safetensors", TEST_DATA);
    if (vitlrp_model_open(path, &options, &model, &error) != VITLRP_OK) {
        fail_msg("%s", error.message);
    }
    return model;
}

static enum vitlrp_status try_open(const struct vitlrp_model *model, const char *methods,
                                   struct vitlrp_session **session) {
    struct vitlrp_session_options options;
    vitlrp_session_options_init(&options);
    options.threads = 1;
    options.methods = methods;
    return vitlrp_session_open(model, &options, session, NULL);
}

static struct vitlrp_session *open_seen(const struct vitlrp_model *model, const char *methods) {
    struct vitlrp_session *session = NULL;
    float logits[CLASSES];
    float *input = golden_read("parity/input.npy", 3, INPUT);
    assert_int_equal(try_open(model, methods, &session), VITLRP_OK);
    assert_int_equal(vitlrp_session_forward(session, input, logits, NULL), VITLRP_OK);
    mem_free(input);
    return session;
}

static enum vitlrp_status attribute(struct vitlrp_session *session, const char *method,
                                    struct vitlrp_relevance *relevance) {
    struct vitlrp_method_options options;
    assert_int_equal(vitlrp_method_options_init(&options, method, NULL), VITLRP_OK);
    return vitlrp_session_attribute(session, &TARGET, 1, &options, relevance, NULL);
}

static void test_names_and_descriptions(void **unused) {
    struct vitlrp_method_info info;
    struct vitlrp_method_options options;
    struct vitlrp_error error;
    (void) unused;
    assert_true(vitlrp_method_count() >= 19);
    assert_string_equal(vitlrp_method_name(0), "attnlrp");
    assert_null(vitlrp_method_name(vitlrp_method_count()));
    vitlrp_method_info_init(&info);
    for (size_t i = 0; i < vitlrp_method_count(); i++) {
        assert_int_equal(vitlrp_method_describe(vitlrp_method_name(i), &info, &error), VITLRP_OK);
        assert_string_equal(info.name, vitlrp_method_name(i));
        assert_true(strlen(info.summary) > 10);
    }
    assert_int_equal(vitlrp_method_describe("rollout", &info, &error), VITLRP_OK);
    assert_true(info.ignores_class == 1 && info.has_pixels == 0 && info.has_ledger == 0);
    assert_int_equal(info.reads, VITLRP_READS_HEAD_FUSION);
    assert_int_equal(vitlrp_method_describe("lime", &info, &error), VITLRP_USAGE);
    assert_non_null(strstr(error.message, "lime"));
    assert_int_equal(vitlrp_method_options_init(&options, "lime", &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_method_options_init(&options, "attnlrp-masked", &error), VITLRP_OK);
    assert_true(options.rules.gamma[VITLRP_ROLE_CONV] == 0.25F && options.samples == 8);
}

static void test_golden_map_and_its_sum(void **unused) {
    float patches[PATCHES];
    double sum = 0.0;
    struct vitlrp_relevance relevance;
    (void) unused;
    struct vitlrp_model *model = open_model();
    struct vitlrp_session *session = open_seen(model, "random,chefer");
    float *wanted = golden_read("parity/patches_chefer_generic.npy", 1, PATCHES);
    float *logits = golden_read("parity/logits.npy", 1, CLASSES);
    vitlrp_relevance_init(&relevance);
    relevance.patches = patches;
    assert_int_equal(attribute(session, "chefer", &relevance), VITLRP_OK);
    assert_true(relative_error(patches, wanted, PATCHES) < 1e-4);
    for (size_t p = 0; p < PATCHES; p++) {
        sum += patches[p];
    }
    assert_true(relevance.sum == sum);
    assert_true(fabs(relevance.explained - logits[TARGET.output]) < 1e-4);
    relevance.patches = NULL;
    relevance.sum = 0.0;
    assert_int_equal(attribute(session, "chefer", &relevance), VITLRP_OK);
    assert_true(relevance.sum == sum);
    mem_free(wanted);
    mem_free(logits);
    vitlrp_session_close(session);
    vitlrp_model_close(model);
}

/* The ledger and the neurons of a rule method come with its map, which stays the same. */
static void test_ledger_and_neurons(void **unused) {
    float pixels[2][INPUT];
    struct vitlrp_ledger_entry ledger[64];
    static float neurons[TOKENS * 4 * DIM];
    struct vitlrp_relevance relevance;
    struct vitlrp_model_info info;
    (void) unused;
    struct vitlrp_model *model = open_model();
    struct vitlrp_session *session = open_seen(model, NULL);
    size_t length = vitlrp_ledger_length(model);
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    assert_true(length <= 64 && info.mlp_dim <= 4 * DIM);
    vitlrp_relevance_init(&relevance);
    relevance.pixels = pixels[0];
    assert_int_equal(attribute(session, "cp-lrp", &relevance), VITLRP_OK);
    relevance.pixels = pixels[1];
    relevance.ledger = ledger;
    relevance.neurons = neurons;
    relevance.neurons_block = 1;
    assert_int_equal(attribute(session, "cp-lrp", &relevance), VITLRP_OK);
    assert_memory_equal(pixels[0], pixels[1], sizeof pixels[0]);
    double absorbed = 0.0;
    for (size_t i = 0; i < length; i++) {
        absorbed += ledger[i].absorbed;
    }
    assert_true(fabs(relevance.explained - relevance.sum - absorbed) < 1e-3);
    double total = 0.0;
    for (size_t i = 0; i < (size_t) TOKENS * (size_t) info.mlp_dim; i++) {
        total += fabs((double) neurons[i]);
    }
    assert_true(total > 0.0);
    relevance.neurons_block = info.depth;
    assert_int_equal(attribute(session, "cp-lrp", &relevance), VITLRP_USAGE);
    vitlrp_session_close(session);
    vitlrp_model_close(model);
}

/* Methods that look at other inputs leave no trace: relevance and block outputs afterwards are
 * those of the last forward. */
static void test_a_moving_method_leaves_no_trace(void **unused) {
    float maps[2][PATCHES];
    float outputs[2][TOKENS * DIM];
    float unwanted[PATCHES];
    (void) unused;
    struct vitlrp_model *model = open_model();
    struct vitlrp_session *session = open_seen(model, "attnlrp,smoothgrad,attnlrp-masked");
    for (size_t i = 0; i < 2; i++) {
        struct vitlrp_relevance relevance;
        vitlrp_relevance_init(&relevance);
        relevance.patches = maps[i];
        assert_int_equal(attribute(session, "attnlrp", &relevance), VITLRP_OK);
        relevance.patches = unwanted;
        assert_int_equal(attribute(session, "attnlrp-masked", &relevance), VITLRP_OK);
        assert_int_equal(vitlrp_session_block_output(session, 0, outputs[i], NULL), VITLRP_OK);
        assert_int_equal(attribute(session, "smoothgrad", &relevance), VITLRP_OK);
    }
    assert_memory_equal(maps[0], maps[1], sizeof maps[0]);
    assert_memory_equal(outputs[0], outputs[1], sizeof outputs[0]);
    vitlrp_session_close(session);
    vitlrp_model_close(model);
}

static void test_requests_that_are_refused(void **unused) {
    float patches[PATCHES];
    float pixels[INPUT];
    struct vitlrp_ledger_entry ledger[64];
    struct vitlrp_session *session = NULL;
    struct vitlrp_relevance relevance;
    struct vitlrp_method_options options;
    (void) unused;
    struct vitlrp_model *model = open_model();
    assert_int_equal(try_open(model, "attnlrp,lime", &session), VITLRP_USAGE);
    assert_int_equal(try_open(model, "attnlrp,", &session), VITLRP_USAGE);
    assert_int_equal(try_open(model, "", &session), VITLRP_USAGE);
    assert_null(session);
    vitlrp_relevance_init(&relevance);
    relevance.patches = patches;
    assert_int_equal(try_open(model, "rollout", &session), VITLRP_OK);
    assert_int_equal(attribute(session, "rollout", &relevance), VITLRP_USAGE); /* no forward */
    vitlrp_session_close(session);
    session = open_seen(model, "rollout");
    assert_int_equal(attribute(session, "rollout", &relevance), VITLRP_OK);
    assert_int_equal(attribute(session, "chefer", &relevance), VITLRP_USAGE);
    relevance.ledger = ledger;
    assert_int_equal(attribute(session, "rollout", &relevance), VITLRP_USAGE);
    relevance.ledger = NULL;
    relevance.pixels = pixels;
    assert_int_equal(attribute(session, "rollout", &relevance), VITLRP_USAGE);
    relevance.pixels = NULL;
    assert_int_equal(vitlrp_method_options_init(&options, "rollout", NULL), VITLRP_OK);
    options.discard_ratio = -0.5;
    assert_int_equal(vitlrp_session_attribute(session, &TARGET, 1, &options, &relevance, NULL),
                     VITLRP_USAGE);
    options.struct_size = 0;
    assert_int_equal(vitlrp_session_attribute(session, &TARGET, 1, &options, &relevance, NULL),
                     VITLRP_USAGE);
    vitlrp_session_close(session);
    vitlrp_model_close(model);
}

/* More methods, more memory; a limit below it is told before anything is allocated. */
static void test_bytes(void **unused) {
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    size_t few = 0;
    size_t many = 0;
    (void) unused;
    struct vitlrp_model *model = open_model();
    vitlrp_session_options_init(&options);
    options.threads = 1;
    assert_int_equal(vitlrp_session_bytes(model, &options, &few, NULL), VITLRP_OK);
    options.methods = "attnlrp,rise";
    assert_int_equal(vitlrp_session_bytes(model, &options, &many, NULL), VITLRP_OK);
    assert_true(many > few);
    options.max_bytes = many - 1;
    assert_int_equal(vitlrp_session_open(model, &options, &session, NULL), VITLRP_LIMIT);
    vitlrp_model_close(model);
}

/* ---- Observers ---- */

/* What an observer was told, and what it answers. */
struct watched {
    size_t calls, done, total;
    bool in_order;
    size_t cancels_at; /* `done` from which on it wants no more */
};

static void watch_progress(void *user, size_t done, size_t total) {
    struct watched *watched = user;
    watched->in_order = (watched->calls == 0 || watched->in_order) && done > watched->done;
    watched->calls++;
    watched->done = done;
    watched->total = total;
}

static int32_t watch_cancelled(void *user) {
    const struct watched *watched = user;
    return watched->done >= watched->cancels_at;
}

static struct vitlrp_session *open_watched(const struct vitlrp_model *model, const char *methods,
                                           struct watched *watched) {
    struct vitlrp_session *session = NULL;
    struct vitlrp_session_options options;
    vitlrp_session_options_init(&options);
    options.threads = 1;
    options.methods = methods;
    options.observer = (struct vitlrp_session_observer){watch_progress, watch_cancelled, watched};
    assert_int_equal(vitlrp_session_open(model, &options, &session, NULL), VITLRP_OK);
    return session;
}

/* Every method that runs the model many times tells how far it is; the others tell nothing. */
static void test_progress(void **unused) {
    static const struct {
        const char *method;
        size_t total;
    } CASES[] = {{"occlusion", PATCHES}, {"rise", 1000},        {"integrated-gradients", 32},
                 {"smoothgrad", 25},     {"attnlrp-masked", 9}, {"attnlrp", 0}};
    float patches[PATCHES];
    struct vitlrp_relevance relevance;
    (void) unused;
    struct vitlrp_model *model = open_model();
    float *input = golden_read("parity/input.npy", 3, INPUT);
    vitlrp_relevance_init(&relevance);
    relevance.patches = patches;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct watched watched = {.cancels_at = SIZE_MAX};
        struct vitlrp_session *session = open_watched(model, CASES[i].method, &watched);
        assert_int_equal(vitlrp_session_forward(session, input, NULL, NULL), VITLRP_OK);
        assert_int_equal(attribute(session, CASES[i].method, &relevance), VITLRP_OK);
        assert_true(watched.done == CASES[i].total && watched.total == CASES[i].total);
        assert_true(watched.in_order == (CASES[i].total > 0));
        vitlrp_session_close(session);
    }
    mem_free(input);
    vitlrp_model_close(model);
}

/* An observer ends a call long before its work is done; what follows is as if it had not been. */
static void test_cancelling(void **unused) {
    float patches[2][PATCHES];
    struct vitlrp_relevance relevance;
    struct vitlrp_method_options options;
    struct vitlrp_error error;
    struct watched watched = {.cancels_at = SIZE_MAX};
    (void) unused;
    struct vitlrp_model *model = open_model();
    struct vitlrp_session *session = open_watched(model, "attnlrp,rise,smoothgrad", &watched);
    float *input = golden_read("parity/input.npy", 3, INPUT);
    vitlrp_relevance_init(&relevance);
    relevance.patches = patches[0];
    assert_int_equal(vitlrp_session_forward(session, input, NULL, NULL), VITLRP_OK);
    assert_int_equal(attribute(session, "attnlrp", &relevance), VITLRP_OK);
    relevance.patches = patches[1];
    for (int i = 0; i < 2; i++) {
        const char *method = i == 0 ? "rise" : "smoothgrad";
        assert_int_equal(vitlrp_method_options_init(&options, method, NULL), VITLRP_OK);
        options.samples = 1000000;
        watched = (struct watched){.cancels_at = 1};
        assert_int_equal(
            vitlrp_session_attribute(session, &TARGET, 1, &options, &relevance, &error),
            VITLRP_CANCELLED);
        assert_true(watched.done > 0 && watched.done < 100000);
        watched = (struct watched){.cancels_at = SIZE_MAX};
        assert_int_equal(attribute(session, "attnlrp", &relevance), VITLRP_OK);
        assert_memory_equal(patches[0], patches[1], sizeof patches[0]);
    }
    watched.cancels_at = 0;
    assert_int_equal(attribute(session, "attnlrp", &relevance), VITLRP_CANCELLED);
    assert_int_equal(vitlrp_session_forward(session, input, NULL, NULL), VITLRP_CANCELLED);
    assert_int_equal(attribute(session, "attnlrp", &relevance), VITLRP_USAGE);
    watched.cancels_at = SIZE_MAX;
    assert_int_equal(vitlrp_session_forward(session, input, NULL, NULL), VITLRP_OK);
    assert_int_equal(attribute(session, "attnlrp", &relevance), VITLRP_OK);
    assert_memory_equal(patches[0], patches[1], sizeof patches[0]);
    mem_free(input);
    vitlrp_session_close(session);
    vitlrp_model_close(model);
}

/* Whatever a method runs, it hands a cancellation on; the next run of it is as if there had been
 * none. */
static void test_every_method_can_be_cancelled(void **unused) {
    float patches[2][PATCHES];
    struct vitlrp_relevance relevance;
    (void) unused;
    struct vitlrp_model *model = open_model();
    float *input = golden_read("parity/input.npy", 3, INPUT);
    vitlrp_relevance_init(&relevance);
    for (size_t i = 0; i < vitlrp_method_count(); i++) {
        const char *method = vitlrp_method_name(i);
        bool has_passes = strcmp(method, "random") != 0 && strcmp(method, "centre") != 0;
        struct watched watched = {.cancels_at = SIZE_MAX};
        struct vitlrp_session *session = open_watched(model, method, &watched);
        assert_int_equal(vitlrp_session_forward(session, input, NULL, NULL), VITLRP_OK);
        relevance.patches = patches[0];
        assert_int_equal(attribute(session, method, &relevance), VITLRP_OK);
        relevance.patches = patches[1];
        watched = (struct watched){.cancels_at = 0};
        enum vitlrp_status wanted = has_passes ? VITLRP_CANCELLED : VITLRP_OK;
        if (attribute(session, method, &relevance) != wanted) {
            fail_msg("%s does not hand a cancellation on", method);
        }
        watched = (struct watched){.cancels_at = SIZE_MAX};
        assert_int_equal(attribute(session, method, &relevance), VITLRP_OK);
        assert_memory_equal(patches[0], patches[1], sizeof patches[0]);
        vitlrp_session_close(session);
    }
    mem_free(input);
    vitlrp_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_descriptions),
        cmocka_unit_test(test_golden_map_and_its_sum),
        cmocka_unit_test(test_ledger_and_neurons),
        cmocka_unit_test(test_a_moving_method_leaves_no_trace),
        cmocka_unit_test(test_requests_that_are_refused),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_cancelling),
        cmocka_unit_test(test_every_method_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
