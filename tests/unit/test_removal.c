/* Inputs without some of their patches, through the public header: against single forward passes of
 * inputs that are mixed by hand. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/golden.h"
#include "vitlrp_eval.h"

#include "support/unit.h"

enum { SIDE = 32, PATCH = 8, COLUMNS = SIDE / PATCH, PATCHES = COLUMNS * COLUMNS };
enum { AREA = SIDE * SIDE, INPUT = 3 * AREA, CLASSES = 10 };

/* A model, an input, a session for the twin, and what is tested. */
struct bench {
    struct vitlrp_model *model;
    struct vitlrp_session *session;
    struct vitlrp_removal *removal;
    float *input;
    float whole[CLASSES]; /* logits of the input */
    int32_t predicted;
    float scores[PATCHES];
};

static void twin_forward(struct bench *bench, const uint8_t *mask, float *logits) {
    float mixed[INPUT];
    for (size_t i = 0; i < INPUT; i++) {
        size_t patch = i % AREA / SIDE / PATCH * COLUMNS + i % SIDE / PATCH;
        mixed[i] = mask[patch] != 0 ? 0.0F : bench->input[i];
    }
    assert_int_equal(vitlrp_session_forward(bench->session, mixed, logits, NULL), VITLRP_OK);
}

static int32_t largest(const float *logits) {
    int32_t place = 0;
    for (int32_t i = 1; i < CLASSES; i++) {
        place = logits[i] > logits[place] ? i : place;
    }
    return place;
}

static void bench_open(struct bench *bench, enum vitlrp_probability probability) {
    char path[512];
    struct vitlrp_model_options options;
    struct vitlrp_session_options session;
    struct vitlrp_removal_options removal;
    struct vitlrp_relevance relevance;
    struct vitlrp_method_options method;
    vitlrp_model_options_init(&options);
    options.heads = 4;
    options.probability = probability;
    snprintf(path, sizeof path, "%s/golden/parity/timm.safetensors", TEST_DATA);
    assert_int_equal(vitlrp_model_open(path, &options, &bench->model, NULL), VITLRP_OK);
    vitlrp_session_options_init(&session);
    session.threads = 1;
    assert_int_equal(vitlrp_session_open(bench->model, &session, &bench->session, NULL), VITLRP_OK);
    bench->input = golden_read("parity/input.npy", 3, INPUT);
    assert_int_equal(vitlrp_session_forward(bench->session, bench->input, bench->whole, NULL),
                     VITLRP_OK);
    bench->predicted = largest(bench->whole);
    const struct vitlrp_target target = {bench->predicted, 1.0F};
    vitlrp_relevance_init(&relevance);
    relevance.patches = bench->scores;
    assert_int_equal(vitlrp_method_options_init(&method, "attnlrp", NULL), VITLRP_OK);
    assert_int_equal(
        vitlrp_session_attribute(bench->session, &target, 1, &method, &relevance, NULL), VITLRP_OK);
    vitlrp_removal_options_init(&removal);
    removal.threads = 1;
    assert_int_equal(
        vitlrp_removal_open(bench->model, &removal, bench->input, &bench->removal, NULL),
        VITLRP_OK);
}

static void bench_close(struct bench *bench) {
    vitlrp_removal_close(bench->removal);
    vitlrp_session_close(bench->session);
    vitlrp_model_close(bench->model);
    mem_free(bench->input);
}

static void test_single_patches(void **unused) {
    struct bench bench;
    struct vitlrp_removal_info info;
    uint8_t masks[PATCHES][PATCHES] = {0};
    float logits[PATCHES][CLASSES];
    float expected[CLASSES];
    (void) unused;
    bench_open(&bench, VITLRP_PROBABILITY_STATED);
    for (size_t p = 0; p < PATCHES; p++) {
        masks[p][p] = 1;
    }
    assert_int_equal(vitlrp_removal_logits(bench.removal, masks[0], PATCHES, logits[0], NULL),
                     VITLRP_OK);
    for (size_t p = 0; p < PATCHES; p++) {
        twin_forward(&bench, masks[p], expected);
        for (size_t c = 0; c < CLASSES; c++) {
            assert_true(fabsf(logits[p][c] - expected[c]) < 1e-4F);
        }
    }
    vitlrp_removal_info_init(&info);
    vitlrp_removal_describe(bench.removal, &info);
    assert_int_equal(info.grid_height, COLUMNS);
    assert_int_equal(info.grid_width, COLUMNS);
    assert_int_equal(info.forwards, PATCHES);
    assert_true(info.at_once >= 1);
    bench_close(&bench);
}

/* A search whose results the twin confirms. */
static void expect_set(struct bench *bench, enum vitlrp_patch_goal goal, int32_t output,
                       struct vitlrp_patch_search *search) {
    uint8_t mask[PATCHES];
    float expected[CLASSES];
    size_t count = 0;
    search->scores = bench->scores;
    search->output = output;
    search->goal = goal;
    assert_int_equal(vitlrp_removal_search(bench->removal, search, NULL), VITLRP_OK);
    if (search->found == 0) {
        return;
    }
    for (size_t p = 0; p < PATCHES; p++) {
        assert_in_range(search->set[p], 0, 1);
        mask[p] = goal == VITLRP_GOAL_SUFFICES ? !search->set[p] : search->set[p];
        count += search->set[p];
    }
    assert_int_equal(search->count, count);
    assert_in_range(search->count, 0, search->prefix);
    twin_forward(bench, mask, expected);
    bool is_largest = largest(expected) == output;
    assert_true(is_largest == (goal == VITLRP_GOAL_SUFFICES));
    for (size_t c = 0; c < CLASSES; c++) {
        assert_true(fabsf(search->logits[c] - expected[c]) < 1e-4F);
    }
}

/* Of every class: those that decide nothing on the whole image have nothing to flip. */
static void test_sets_do_what_they_say(void **unused) {
    struct bench bench;
    struct vitlrp_patch_search search;
    uint8_t set[PATCHES];
    float logits[CLASSES];
    int32_t sufficing = 0;
    int32_t flipping = 0;
    (void) unused;
    bench_open(&bench, VITLRP_PROBABILITY_STATED);
    for (int32_t output = 0; output < CLASSES; output++) {
        vitlrp_patch_search_init(&search);
        search.set = set;
        search.logits = logits;
        expect_set(&bench, VITLRP_GOAL_SUFFICES, output, &search);
        sufficing += search.found;
        expect_set(&bench, VITLRP_GOAL_FLIPS, output, &search);
        assert_true(search.found == 0 || output == bench.predicted);
        assert_true(search.found == 1 || search.count == 0);
        flipping += search.found;
    }
    assert_true(sufficing >= 1);
    assert_int_equal(flipping, 1);
    bench_close(&bench);
}

/* The patch at a place of the order. */
static size_t patch_at(const struct bench *bench, size_t place) {
    for (size_t p = 0; p < PATCHES; p++) {
        size_t before = 0;
        for (size_t q = 0; q < PATCHES; q++) {
            before += bench->scores[q] > bench->scores[p] ||
                      (bench->scores[q] == bench->scores[p] && q < p);
        }
        if (before == place) {
            return p;
        }
    }
    fail_msg("no patch at place %zu", place);
    return 0;
}

/* Of the first patches of the order, those that flip the prediction when each, from the last on,
 * was left out if that could be. */
static void twin_prune(struct bench *bench, int32_t prefix, uint8_t *set) {
    float logits[CLASSES];
    memset(set, 0, PATCHES);
    for (size_t i = 0; i < (size_t) prefix; i++) {
        set[patch_at(bench, i)] = 1;
    }
    for (size_t i = (size_t) prefix; i-- > 0;) {
        set[patch_at(bench, i)] = 0;
        twin_forward(bench, set, logits);
        set[patch_at(bench, i)] = largest(logits) == bench->predicted;
    }
}

/* Without pruning a set is a beginning of the order. */
static void test_pruning(void **unused) {
    struct bench bench;
    struct vitlrp_patch_search search;
    uint8_t set[PATCHES];
    uint8_t expected[PATCHES];
    float logits[CLASSES];
    (void) unused;
    bench_open(&bench, VITLRP_PROBABILITY_STATED);
    for (size_t p = 0; p < PATCHES; p++) {
        bench.scores[p] = -bench.scores[p]; /* a bad order: there is something to prune */
    }
    vitlrp_patch_search_init(&search);
    search.set = set;
    search.logits = logits;
    search.prunings = 0;
    expect_set(&bench, VITLRP_GOAL_FLIPS, bench.predicted, &search);
    assert_int_equal(search.found, 1);
    assert_int_equal(search.count, search.prefix);
    int32_t unpruned = search.count;
    for (size_t p = 0; p < PATCHES; p++) {
        for (size_t q = 0; q < PATCHES; q++) {
            assert_true(set[p] >= set[q] || bench.scores[p] <= bench.scores[q]);
        }
    }
    search.prunings = PATCHES;
    expect_set(&bench, VITLRP_GOAL_FLIPS, bench.predicted, &search);
    assert_int_equal(search.prefix, unpruned);
    assert_true(search.count < unpruned);
    twin_prune(&bench, unpruned, expected);
    assert_memory_equal(set, expected, sizeof set);
    bench_close(&bench);
}

/* Against another class; and where every class is decided by itself. */
static void test_other_decisions(void **unused) {
    struct bench bench;
    struct vitlrp_patch_search search;
    uint8_t set[PATCHES];
    float logits[CLASSES];
    (void) unused;
    bench_open(&bench, VITLRP_PROBABILITY_STATED);
    int32_t least = 0;
    for (int32_t c = 0; c < CLASSES; c++) {
        least = bench.whole[c] < bench.whole[least] ? c : least;
    }
    vitlrp_patch_search_init(&search);
    search.set = set;
    search.logits = logits;
    search.scores = bench.scores;
    search.output = bench.predicted;
    search.versus = least;
    search.goal = VITLRP_GOAL_SUFFICES;
    assert_int_equal(vitlrp_removal_search(bench.removal, &search, NULL), VITLRP_OK);
    assert_true(search.found == 1 && logits[bench.predicted] > logits[least]);
    search.output = least;
    search.versus = bench.predicted;
    search.goal = VITLRP_GOAL_FLIPS;
    assert_int_equal(vitlrp_removal_search(bench.removal, &search, NULL), VITLRP_OK);
    assert_int_equal(search.found, 0);
    bench_close(&bench);
    bench_open(&bench, VITLRP_PROBABILITY_SIGMOID);
    search.output = bench.predicted;
    search.versus = -1;
    search.scores = bench.scores;
    assert_int_equal(vitlrp_removal_search(bench.removal, &search, NULL), VITLRP_OK);
    assert_true(search.found == 0 || logits[bench.predicted] <= 0.0F);
    bench_close(&bench);
}

/* *user: how often it says yes before it says no. */
static int32_t cancel_later(void *user) {
    int *left = user;
    return (*left)-- <= 0;
}

static void count_progress(void *user, size_t done, size_t total) {
    (void) user;
    assert_in_range(done, 1, total);
}

static void test_cancelled(void **unused) {
    struct bench bench;
    struct vitlrp_removal_options options;
    struct vitlrp_removal *removal = NULL;
    struct vitlrp_patch_search search;
    uint8_t set[PATCHES] = {0};
    float logits[CLASSES];
    int left = 0;
    (void) unused;
    bench_open(&bench, VITLRP_PROBABILITY_STATED);
    vitlrp_removal_options_init(&options);
    options.observer = (struct vitlrp_session_observer){count_progress, cancel_later, &left};
    assert_int_equal(vitlrp_removal_open(bench.model, &options, bench.input, &removal, NULL),
                     VITLRP_OK);
    vitlrp_patch_search_init(&search);
    search.scores = bench.scores;
    search.set = set;
    assert_int_equal(vitlrp_removal_search(removal, &search, NULL), VITLRP_CANCELLED);
    assert_int_equal(vitlrp_removal_logits(removal, set, 1, logits, NULL), VITLRP_CANCELLED);
    left = 1000000;
    memset(set, 0, sizeof set);
    assert_int_equal(vitlrp_removal_logits(removal, set, 1, logits, NULL), VITLRP_OK);
    assert_int_equal(largest(logits), bench.predicted);
    vitlrp_removal_close(removal);
    bench_close(&bench);
}

static void test_wrong_arguments(void **unused) {
    struct bench bench;
    struct vitlrp_patch_search search;
    struct vitlrp_removal_options options;
    struct vitlrp_removal *removal = NULL;
    uint8_t set[PATCHES] = {2};
    float logits[CLASSES];
    (void) unused;
    bench_open(&bench, VITLRP_PROBABILITY_NONE);
    assert_int_equal(vitlrp_removal_logits(bench.removal, set, 1, logits, NULL), VITLRP_USAGE);
    vitlrp_patch_search_init(&search);
    assert_int_equal(vitlrp_removal_search(bench.removal, &search, NULL), VITLRP_USAGE);
    search.set = set;
    search.scores = bench.scores; /* the outputs are no probabilities, and there is no versus */
    assert_int_equal(vitlrp_removal_search(bench.removal, &search, NULL), VITLRP_USAGE);
    search.versus = CLASSES;
    assert_int_equal(vitlrp_removal_search(bench.removal, &search, NULL), VITLRP_USAGE);
    search.versus = 1;
    bench.scores[3] = NAN;
    assert_int_equal(vitlrp_removal_search(bench.removal, &search, NULL), VITLRP_NUMERIC);
    vitlrp_removal_options_init(&options);
    options.max_bytes = 1000;
    assert_int_equal(vitlrp_removal_open(bench.model, &options, bench.input, &removal, NULL),
                     VITLRP_LIMIT);
    options.max_bytes = 0;
    options.input_width = SIDE + 1;
    assert_int_equal(vitlrp_removal_open(bench.model, &options, bench.input, &removal, NULL),
                     VITLRP_MISMATCH);
    bench.input[5] = INFINITY;
    assert_int_equal(vitlrp_removal_open(bench.model, NULL, bench.input, &removal, NULL),
                     VITLRP_NUMERIC);
    assert_null(removal);
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_patches), cmocka_unit_test(test_sets_do_what_they_say),
        cmocka_unit_test(test_pruning),        cmocka_unit_test(test_other_decisions),
        cmocka_unit_test(test_cancelled),      cmocka_unit_test(test_wrong_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
