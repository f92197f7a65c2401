/* Versions of one input with hidden units off give what a model gives whose weights do not read
 * them. */
#include <string.h>

#include "base/mem.h"
#include "support/attribution.h"
#include "support/golden.h"
#include "vit/model/edited_model.h"
#include "vit/model/weights.h"
#include "vit/program/batch.h"
#include "vit/program/session.h"

#include "support/unit.h"

enum { COUNT = 7, WIDEST = 128, DEPTH = PARITY_DEPTH, CLASSES = PARITY_CLASSES };

/* A model, its input, and versions of it with random units off in some blocks. */
struct bench {
    struct vit_model *model;
    float *input;
    struct vit_unit_versions versions;
    size_t width, dim; /* units of a block, and numbers of a unit */
    uint8_t masks[COUNT * DEPTH * WIDEST];
    float means[DEPTH * WIDEST * 2];
};

static void bench_open(struct bench *bench, enum vitlrp_site site, size_t first_block,
                       size_t blocks) {
    struct test_random random = {11};
    memset(bench, 0, sizeof *bench);
    bench->model = parity_model();
    bench->input = parity_input();
    const struct vit_config *config = &bench->model->config;
    bool is_head = site == VITLRP_SITE_HEAD;
    bench->width = (size_t) (is_head ? config->heads : config->mlp_dim);
    bench->dim = is_head ? (size_t) (config->dim / config->heads) : 1;
    assert_true(bench->width * bench->dim <= WIDEST);
    bench->versions = (struct vit_unit_versions){.site = site,
                                                 .first_block = first_block,
                                                 .blocks = blocks,
                                                 .masks = bench->masks,
                                                 .count = COUNT};
    for (size_t i = 0; i < COUNT * blocks * bench->width; i++) {
        bench->masks[i] = (uint8_t) test_below(&random, 2);
    }
    test_fill(&random, bench->means, blocks * bench->width * bench->dim * 2, 1.0);
}

static void bench_close(struct bench *bench) {
    mem_free(bench->input);
    vit_model_free(bench->model);
}

static struct vit_batch *open_batch(const struct vit_model *model, size_t threads,
                                    size_t capacity) {
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    const struct vit_batch_options options = {
        .threads = threads, .capacity = capacity, .backend = "auto", .units = true};
    assert_int_equal(vit_batch_open(model, &options, &batch, &err), VITLRP_OK);
    return batch;
}

static void plain_logits(const struct vit_model *model, const float *input, float *logits) {
    struct vitlrp_error err = {0};
    struct vit_batch *batch = open_batch(model, 1, 1);
    assert_int_equal(vit_batch_forward(batch, 1, input, logits, &err), VITLRP_OK);
    vit_batch_close(batch);
}

/* The layer that reads the units, [dim, width * dim of a unit], and its bias. Tests may write. */
struct reader {
    float *weight, *bias;
    size_t outputs, inputs;
};

static struct reader reader_of(const struct bench *bench, size_t block) {
    bool is_head = bench->versions.site == VITLRP_SITE_HEAD;
    return (struct reader){
        (float *) slot_data(bench->model, is_head ? SLOT_PROJ_WEIGHT : SLOT_FC2_WEIGHT, block),
        (float *) slot_data(bench->model, is_head ? SLOT_PROJ_BIAS : SLOT_FC2_BIAS, block),
        (size_t) bench->model->config.dim, bench->width * bench->dim};
}

/* The units of a version that are off: their columns go, and what they would give stays as a bias.
 * means [width, dim, 2] of the block, of which the first is read, or NULL. */
static void edit_block(const struct bench *bench, size_t block, const uint8_t *mask,
                       const float *means) {
    struct reader reader = reader_of(bench, block);
    for (size_t k = 0; k < reader.inputs; k++) {
        for (size_t row = 0; mask[k / bench->dim] != 0 && row < reader.outputs; row++) {
            float *weight = reader.weight + row * reader.inputs + k;
            reader.bias[row] += means == NULL ? 0.0F : *weight * means[2 * k];
            *weight = 0.0F;
        }
    }
}

/* Opens another model for each version. */
static void edited_logits(const struct bench *bench, size_t version, float *logits) {
    struct bench twin = *bench;
    const struct vit_unit_versions *versions = &bench->versions;
    size_t numbers = bench->width * bench->dim;
    twin.model = parity_model();
    for (size_t b = 0; b < versions->blocks; b++) {
        edit_block(&twin, versions->first_block + b,
                   versions->masks + (version * versions->blocks + b) * bench->width,
                   versions->means == NULL ? NULL : versions->means + b * numbers * 2);
    }
    plain_logits(twin.model, bench->input, logits);
    vit_model_free(twin.model);
}

static void check_versions(const struct bench *bench) {
    float expected[COUNT * CLASSES];
    float logits[COUNT * CLASSES];
    struct vitlrp_error err = {0};
    for (size_t i = 0; i < COUNT; i++) {
        edited_logits(bench, i, expected + i * CLASSES);
    }
    for (size_t capacity = 0; capacity <= COUNT + 1; capacity++) {
        struct vit_batch *batch = open_batch(bench->model, 1 + capacity % 3, capacity);
        assert_int_equal(
            vit_batch_forward_units(batch, bench->input, &bench->versions, logits, &err),
            VITLRP_OK);
        assert_true(largest_difference(logits, expected, COUNT * CLASSES) < 2e-5);
        assert_int_equal(vit_batch_inputs(batch), COUNT);
        vit_batch_close(batch);
    }
}

/* Both sites, every range of blocks. */
static void each_range(void (*check)(struct bench *bench)) {
    static const enum vitlrp_site SITES[] = {VITLRP_SITE_FC1, VITLRP_SITE_HEAD};
    struct bench bench;
    for (size_t i = 0; i < 2; i++) {
        for (size_t first = 0; first < DEPTH; first++) {
            for (size_t blocks = 1; blocks <= DEPTH - first; blocks++) {
                bench_open(&bench, SITES[i], first, blocks);
                check(&bench);
                bench_close(&bench);
            }
        }
    }
}

static void check_zero(struct bench *bench) {
    check_versions(bench);
}

static void test_zero_equals_columns_of_zeros(void **unused) {
    (void) unused;
    each_range(check_zero);
}

/* A bias knows no kinds of tokens: both means are one. */
static void check_means(struct bench *bench) {
    for (size_t i = 0; i < DEPTH * WIDEST; i++) {
        bench->means[2 * i + 1] = bench->means[2 * i];
    }
    bench->versions.means = bench->means;
    check_versions(bench);
}

static void test_means_equal_a_bias(void **unused) {
    (void) unused;
    each_range(check_means);
}

/* In the last block only CLS leaves: the other tokens' means are of no account. */
static void test_means_of_kinds(void **unused) {
    struct bench bench;
    float first[COUNT * CLASSES];
    float second[COUNT * CLASSES];
    struct vitlrp_error err = {0};
    (void) unused;
    for (size_t block = 0; block < DEPTH; block++) {
        bench_open(&bench, VITLRP_SITE_FC1, block, 1);
        bench.versions.means = bench.means;
        struct vit_batch *batch = open_batch(bench.model, 1, 0);
        assert_int_equal(vit_batch_forward_units(batch, bench.input, &bench.versions, first, &err),
                         VITLRP_OK);
        for (size_t i = 0; i < bench.width; i++) {
            bench.means[2 * i + 1] += 1.0F;
        }
        assert_int_equal(vit_batch_forward_units(batch, bench.input, &bench.versions, second, &err),
                         VITLRP_OK);
        double difference = largest_difference(first, second, COUNT * CLASSES);
        assert_true(block + 1 == DEPTH ? difference == 0.0 : difference > 1e-3);
        vit_batch_close(batch);
        bench_close(&bench);
    }
}

/* Bit for bit: one input at a time is the arithmetic of a plain pass. */
static void check_nothing_off(struct bench *bench) {
    float expected[CLASSES];
    float logits[COUNT * CLASSES];
    struct vitlrp_error err = {0};
    memset(bench->masks, 0, sizeof bench->masks);
    plain_logits(bench->model, bench->input, expected);
    struct vit_batch *batch = open_batch(bench->model, 1, 1);
    assert_int_equal(vit_batch_forward_units(batch, bench->input, &bench->versions, logits, &err),
                     VITLRP_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_memory_equal(logits + i * CLASSES, expected, sizeof expected);
    }
    vit_batch_close(batch);
}

static void test_nothing_off_is_a_plain_pass(void **unused) {
    (void) unused;
    each_range(check_nothing_off);
}

/* Units of both sites and all blocks, in no order, one of them twice; what a batch keeps of another
 * input is not taken for this one's. */
static void test_each_alone(void **unused) {
    enum { UNITS = 9 };
    static const struct vitlrp_unit MIXED[UNITS] = {
        {VITLRP_SITE_FC1, 2, 5},   {VITLRP_SITE_HEAD, 0, 3}, {VITLRP_SITE_FC1, 0, 127},
        {VITLRP_SITE_FC1, 2, 100}, {VITLRP_SITE_HEAD, 2, 0}, {VITLRP_SITE_FC1, 0, 0},
        {VITLRP_SITE_HEAD, 0, 1},  {VITLRP_SITE_FC1, 2, 5},  {VITLRP_SITE_FC1, 1, 64}};
    float logits[UNITS * CLASSES];
    float expected[CLASSES];
    struct vitlrp_error err = {0};
    struct bench bench;
    (void) unused;
    bench_open(&bench, VITLRP_SITE_FC1, 0, 1);
    struct vit_batch *batch = open_batch(bench.model, 2, 3);
    float *other = parity_input();
    other[0] += 5.0F;
    assert_int_equal(vit_batch_forward_without_each(batch, other, &MIXED[2], 1, logits, &err),
                     VITLRP_OK);
    assert_int_equal(vit_batch_forward_without_each(batch, bench.input, MIXED, UNITS, logits, &err),
                     VITLRP_OK);
    mem_free(other);
    vit_batch_close(batch);
    for (size_t i = 0; i < UNITS; i++) {
        struct bench alone;
        bench_open(&alone, MIXED[i].site, (size_t) MIXED[i].block, 1);
        memset(alone.masks, 0, sizeof alone.masks);
        alone.masks[MIXED[i].index] = 1;
        edited_logits(&alone, 0, expected);
        assert_true(largest_difference(logits + i * CLASSES, expected, CLASSES) < 1e-5);
        bench_close(&alone);
    }
    bench_close(&bench);
}

/* A register is no CLS, though it leads the tokens: what is said of other tokens is said of it, by
 * means of values, by units that are set to means, and by edits. */
static void test_registers_are_other_tokens(void **unused) {
    enum { UNIT = 3 };
    static const float MEANS[2] = {7.0F, 0.5F};
    const struct vitlrp_edit edit = {{VITLRP_SITE_FC1, 1, UNIT}, 0.0F, MEANS};
    float column_mean[DEPTH * WIDEST * 2];
    struct vitlrp_unit_values values = {.site = VITLRP_SITE_FC1, .column_mean = column_mean};
    const struct vit_session_options options = {.threads = 1, .backend = "auto"};
    struct vit_session *session = NULL;
    struct vit_model *edited = NULL;
    struct vitlrp_error err = {0};
    float logits[2][CLASSES];
    struct bench bench;
    (void) unused;
    bench_open(&bench, VITLRP_SITE_FC1, 1, 1);
    struct vit_config config = bench.model->config;
    vit_model_free(bench.model);
    config.registers = config.prefix;
    config.pool = VIT_POOL_MEAN;
    assert_int_equal(vit_model_random(&config, 5, &bench.model, &err), VITLRP_OK);
    memset(bench.masks, 0, sizeof bench.masks);
    bench.masks[UNIT] = 1;
    bench.means[2 * UNIT] = MEANS[0];
    bench.means[2 * UNIT + 1] = MEANS[1];
    bench.versions.means = bench.means;
    bench.versions.count = 1;
    struct vit_batch *batch = open_batch(bench.model, 1, 1);
    assert_int_equal(vit_batch_forward_units(batch, bench.input, &bench.versions, logits[0], &err),
                     VITLRP_OK);
    assert_int_equal(vit_model_edited(bench.model, &edit, 1, &edited, &err), VITLRP_OK);
    plain_logits(edited, bench.input, logits[1]);
    assert_true(largest_difference(logits[0], logits[1], CLASSES) < 1e-5);
    assert_int_equal(vit_session_open(bench.model, &options, &session, &err), VITLRP_OK);
    assert_int_equal(vit_forward_units(session, bench.input, NULL, &values, 1, &err), VITLRP_OK);
    for (size_t i = 0; i < DEPTH * WIDEST; i++) {
        assert_true(column_mean[2 * i] == 0.0F);
    }
    vit_session_close(session);
    vit_model_free(edited);
    vit_batch_close(batch);
    bench_close(&bench);
}

static void test_refusals(void **unused) {
    static const struct vitlrp_unit BAD[] = {{VITLRP_SITE_STREAM, 0, 0}, {VITLRP_SITE_FC1, 3, 0},
                                             {VITLRP_SITE_FC1, -1, 0},   {VITLRP_SITE_FC1, 0, 128},
                                             {VITLRP_SITE_HEAD, 0, 4},   {VITLRP_SITE_HEAD, 0, -1}};
    float logits[COUNT * CLASSES];
    struct vitlrp_error err = {0};
    struct bench bench;
    (void) unused;
    bench_open(&bench, VITLRP_SITE_FC1, 1, 2);
    struct vit_batch *batch = open_batch(bench.model, 1, 0);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(
            vit_batch_forward_without_each(batch, bench.input, &BAD[i], 1, logits, &err),
            VITLRP_USAGE);
    }
    bench.versions.blocks = 3;
    assert_int_equal(vit_batch_forward_units(batch, bench.input, &bench.versions, logits, &err),
                     VITLRP_USAGE);
    vit_batch_close(batch);
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_equals_columns_of_zeros),
        cmocka_unit_test(test_means_equal_a_bias),
        cmocka_unit_test(test_means_of_kinds),
        cmocka_unit_test(test_nothing_off_is_a_plain_pass),
        cmocka_unit_test(test_each_alone),
        cmocka_unit_test(test_registers_are_other_tokens),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
