/* Methods of many passes over more inputs than a batch takes at once, against the same one by one:
 * occlusion, token-drop, RISE by its definition, and the sum of Shapley values. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "support/attribution.h"
#include "support/golden.h"
#include "support/load_checks.h"
#include "vit/methods/shapley.h"

#include "support/unit.h"

enum { SIDE = 9, PATCH = 2, PIXELS = SIDE * PATCH, PATCHES = SIDE * SIDE, CLASSES = 3, TARGET = 1 };
enum { PLANE = PIXELS * PIXELS, INPUT = 3 * PLANE };
enum { SAMPLES = 30, CELLS = 7, CELL = 3 }; /* of RISE's masks: 7 cells of 3 pixels cover 18 */

struct fixture {
    struct vit_model *model;
    struct vit_session *session;
    float input[INPUT];
    double whole[CLASSES];
};

static void logits_of(const struct fixture *fixture, const float *input, double *logits) {
    float found[CLASSES];
    struct vitlrp_error err = {0};
    assert_int_equal(vit_forward(fixture->session, input, found, &err), VITLRP_OK);
    for (size_t i = 0; i < CLASSES; i++) {
        logits[i] = (double) found[i];
    }
}

static void open_fixture(struct fixture *fixture) {
    struct vit_config config = small_config();
    struct vitlrp_error err = {0};
    const struct vit_session_options options = {.threads = 1, .backend = "openblas"};
    config.patch_height = config.patch_width = PATCH;
    config.image_height = config.image_width = PIXELS;
    config.grid_height = config.grid_width = SIDE;
    assert_int_equal(vit_model_random(&config, 5, &fixture->model, &err), VITLRP_OK);
    assert_int_equal(vit_session_open(fixture->model, &options, &fixture->session, &err),
                     VITLRP_OK);
    for (size_t i = 0; i < INPUT; i++) {
        fixture->input[i] = (float) sin(0.7 * (double) i) + (float) (i % 5);
    }
    logits_of(fixture, fixture->input, fixture->whole);
    assert_true(PATCHES > 3 * vit_batch_default_capacity(PATCHES + 1));
}

static void close_fixture(struct fixture *fixture) {
    vit_session_close(fixture->session);
    vit_model_free(fixture->model);
}

static void attribute(const struct fixture *fixture, const char *method,
                      const struct vitlrp_method_options *options, float *patches, float *pixels) {
    attribute_alone(fixture->model, method, fixture->input, TARGET, options, patches, pixels);
}

/* Larger weights of the head: the classes' probabilities change along the way from an empty input.
 */
static void sharpen(struct fixture *fixture) {
    size_t head = (size_t) (fixture->model->weights.head_weight - fixture->model->storage);
    for (size_t i = 0; i < CLASSES * (size_t) fixture->model->config.dim; i++) {
        fixture->model->storage[head + i] *= 40.0F;
    }
}

static size_t patch_of(size_t pixel) {
    size_t y = pixel % PLANE / PIXELS;
    size_t x = pixel % PIXELS;
    return y / PATCH * SIDE + x / PATCH;
}

static void test_occlusion_one_by_one(void **unused) {
    struct fixture fixture;
    float found[PATCHES];
    float wanted[PATCHES];
    (void) unused;
    open_fixture(&fixture);
    for (size_t p = 0; p < PATCHES; p++) {
        float input[INPUT];
        double logits[CLASSES];
        for (size_t i = 0; i < INPUT; i++) {
            input[i] = patch_of(i) == p ? 0.0F : fixture.input[i];
        }
        logits_of(&fixture, input, logits);
        wanted[p] = (float) (fixture.whole[TARGET] - logits[TARGET]);
    }
    attribute(&fixture, "occlusion", NULL, found, NULL);
    /* A logit's last bits may depend on how many are computed together, and a drop is what is left
     * of two of them: some roundings of a logit. */
    assert_true(largest_difference(found, wanted, PATCHES) < 2e-6);
    assert_true(fabs((double) wanted[0]) > 1e-3);
    close_fixture(&fixture);
}

/* The logits without the patches of a mask, alone in their batch. */
static void without(const struct fixture *fixture, struct vit_batch *batch, const uint8_t *absent,
                    double *logits) {
    float found[CLASSES];
    struct vitlrp_error err = {0};
    assert_int_equal(vit_batch_forward_without(batch, fixture->input, absent, 1, found, &err),
                     VITLRP_OK);
    for (size_t i = 0; i < CLASSES; i++) {
        logits[i] = (double) found[i];
    }
}

static struct vit_batch *open_single(const struct fixture *fixture) {
    const struct vit_batch_options options = {.threads = 1, .capacity = 1, .backend = "openblas"};
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_batch_open(fixture->model, &options, &batch, &err), VITLRP_OK);
    return batch;
}

static void test_token_drop_one_by_one(void **unused) {
    struct fixture fixture;
    float found[PATCHES];
    float wanted[PATCHES];
    (void) unused;
    open_fixture(&fixture);
    struct vit_batch *batch = open_single(&fixture);
    for (size_t p = 0; p < PATCHES; p++) {
        uint8_t absent[PATCHES] = {0};
        double logits[CLASSES];
        absent[p] = 1;
        without(&fixture, batch, absent, logits);
        wanted[p] = (float) (fixture.whole[TARGET] - logits[TARGET]);
    }
    attribute(&fixture, "token-drop", NULL, found, NULL);
    assert_true(relative_error(found, wanted, PATCHES) < 1e-3); /* drops are small differences */
    vit_batch_close(batch);
    close_fixture(&fixture);
}

/* values / their standard deviation, around their mean; added with a weight. */
static void add_scores(const float *values, double weight, float *sums) {
    double mean = 0.0;
    double squares = 0.0;
    for (size_t p = 0; p < PATCHES; p++) {
        mean += (double) values[p] / PATCHES;
    }
    for (size_t p = 0; p < PATCHES; p++) {
        squares += ((double) values[p] - mean) * ((double) values[p] - mean);
    }
    assert_true(fabs(mean) > 0.01 * sqrt(squares / PATCHES)); /* or nobody sees what it is for */
    for (size_t p = 0; p < PATCHES; p++) {
        sums[p] += (float) (weight * ((double) values[p] - mean) / sqrt(squares / PATCHES));
    }
}

/* Relevance in standard deviations, twice, and the drops in theirs. */
static void test_drops_beside_relevance(void **unused) {
    struct fixture fixture;
    float found[PATCHES];
    float relevance[PATCHES];
    float drops[PATCHES];
    float wanted[PATCHES] = {0.0F};
    struct vitlrp_method_options options = defaults_of("attnlrp-drop");
    (void) unused;
    open_fixture(&fixture);
    attribute(&fixture, "attnlrp", &options, relevance, NULL);
    attribute(&fixture, "token-drop", &options, drops, NULL);
    add_scores(relevance, 2.0, wanted);
    add_scores(drops, 1.0, wanted);
    attribute(&fixture, "attnlrp-drop", &options, found, NULL);
    assert_true(relative_error(found, wanted, PATCHES) < 1e-5);
    close_fixture(&fixture);
}

/* ---- RISE ---- */

static double hat(double distance) {
    return fmax(0.0, 1.0 - fabs(distance));
}

/* Where a pixel lies among the cells of a mask that is a cell larger than the input. */
static double cell_at(size_t pixel, size_t offset) {
    double at = ((double) (pixel + offset) + 0.5) * CELLS / ((CELLS + 1) * CELL) - 0.5;
    return fmin(fmax(at, 0.0), CELLS - 1.0);
}

/* The next mask of the stream: offsets of its rows and columns, then which cells are shown. */
static void draw(struct random_stream *stream, double *mask) {
    bool shown[CELLS][CELLS];
    size_t above = random_below(stream, CELL);
    size_t left = random_below(stream, CELL);
    for (size_t i = 0; i < CELLS * CELLS; i++) {
        shown[i / CELLS][i % CELLS] = random_uniform(stream) < 0.5;
    }
    for (size_t i = 0; i < PLANE; i++) {
        double row = cell_at(i / PIXELS, above);
        double column = cell_at(i % PIXELS, left);
        mask[i] = 0.0;
        for (size_t r = 0; r < CELLS; r++) {
            for (size_t c = 0; c < CELLS; c++) {
                double weight = hat(row - (double) r) * hat(column - (double) c);
                mask[i] += shown[r][c] ? weight : 0.0;
            }
        }
    }
}

/* The mean of the masks, weighted by the class's probability under them, over their mean of 1/2. */
static void test_rise_is_its_definition(void **unused) {
    struct fixture fixture;
    float found[PATCHES];
    float pixels[INPUT];
    float wanted[PATCHES];
    double sums[PATCHES] = {0.0};
    struct vitlrp_method_options options = defaults_of("rise");
    struct random_stream stream = random_open(options.seed);
    (void) unused;
    open_fixture(&fixture);
    for (size_t s = 0; s < SAMPLES; s++) {
        double mask[PLANE];
        float input[INPUT];
        double logits[CLASSES];
        double sum = 0.0;
        draw(&stream, mask);
        for (size_t i = 0; i < INPUT; i++) {
            input[i] = (float) ((double) fixture.input[i] * mask[i % PLANE]);
        }
        logits_of(&fixture, input, logits);
        for (size_t i = 0; i < CLASSES; i++) {
            sum += exp(logits[i] - logits[TARGET]);
        }
        for (size_t i = 0; i < PLANE; i++) {
            sums[patch_of(i)] += mask[i] / sum / (0.5 * SAMPLES);
        }
    }
    options.samples = SAMPLES;
    attribute(&fixture, "rise", &options, found, pixels);
    for (size_t p = 0; p < PATCHES; p++) {
        wanted[p] = (float) sums[p];
    }
    assert_true(relative_error(found, wanted, PATCHES) < 1e-5);
    assert_memory_equal(pixels, pixels + PLANE, PLANE * sizeof *pixels);
    assert_memory_equal(pixels, pixels + 2 * PLANE, PLANE * sizeof *pixels);
    close_fixture(&fixture);
}

/* ---- Scores at every sample ---- */

/* z - 1/2 log of the sum of exp over all other classes. */
static double contrast_of(const double *logits) {
    double sum = 0.0;
    for (size_t i = 0; i < CLASSES; i++) {
        sum += i == TARGET ? 0.0 : exp(logits[i]);
    }
    return logits[TARGET] - 0.5 * log(sum);
}

/* Integrated gradients share out what the score gains from a grey input: of a contrast too, whose
 * gradient begins with other weights of the classes at every sample. */
static void test_integrated_contrast_is_complete(void **unused) {
    struct fixture fixture;
    float patches[PATCHES];
    float pixels[INPUT];
    const float none[INPUT] = {0.0F};
    double start[CLASSES];
    double sum = 0.0;
    struct vitlrp_method_options options = defaults_of("integrated-gradients");
    (void) unused;
    open_fixture(&fixture);
    sharpen(&fixture);
    for (size_t i = 0; i < INPUT; i++) { /* or the first norm turns too fast for so few samples */
        fixture.input[i] *= 0.05F;
    }
    logits_of(&fixture, none, start);
    logits_of(&fixture, fixture.input, fixture.whole);
    options.score = VITLRP_SCORE_CONTRAST;
    options.samples = 1000;
    attribute(&fixture, "integrated-gradients", &options, patches, pixels);
    for (size_t i = 0; i < INPUT; i++) {
        sum += (double) pixels[i];
    }
    double gain = contrast_of(fixture.whole) - contrast_of(start);
    assert_true(fabs(gain) > 0.1 && fabs(sum - gain) < 0.01 * fabs(gain));
    close_fixture(&fixture);
}

/* ---- Shapley values ---- */

/* They share out what all patches have beyond none, whose value is the mean of single patches. */
static void test_shapley_values_add_up(void **unused) {
    struct fixture fixture;
    float patches[PATCHES];
    struct vitlrp_error err = {0};
    const struct vitlrp_target target = {TARGET, 1.0F};
    struct vitlrp_method_options options;
    double none = 0.0;
    double sum = 0.0;
    (void) unused;
    open_fixture(&fixture);
    struct vit_batch *batch = open_single(&fixture);
    for (size_t p = 0; p < PATCHES; p++) {
        uint8_t absent[PATCHES];
        double logits[CLASSES];
        memset(absent, 1, sizeof absent);
        absent[p] = 0;
        without(&fixture, batch, absent, logits);
        none += logits[TARGET] / PATCHES;
    }
    struct vit_attributor *attributor = attributor_for(fixture.model, &SHAPLEY_VALUES, 1);
    attributor_see(attributor, fixture.model, fixture.input);
    vit_method_defaults(&SHAPLEY_VALUES, &options);
    options.samples = 1;
    const struct vit_method_request request = {.input = fixture.input,
                                               .targets = &target,
                                               .target_count = 1,
                                               .options = &options,
                                               .patches = patches};
    assert_int_equal(vit_attributor_run(attributor, &SHAPLEY_VALUES, &request, &err), VITLRP_OK);
    for (size_t p = 0; p < PATCHES; p++) {
        sum += (double) patches[p];
    }
    assert_true(fabs(sum - (fixture.whole[TARGET] - none)) < 1e-4);
    vit_attributor_close(attributor);
    vit_batch_close(batch);
    close_fixture(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_occlusion_one_by_one),
                                       cmocka_unit_test(test_token_drop_one_by_one),
                                       cmocka_unit_test(test_drops_beside_relevance),
                                       cmocka_unit_test(test_rise_is_its_definition),
                                       cmocka_unit_test(test_integrated_contrast_is_complete),
                                       cmocka_unit_test(test_shapley_values_add_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
