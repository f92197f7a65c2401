/* What a model ends with: the likeness to references, heads of two layers, attention pools that
 * leave tokens out. Each is compared with what follows, in float64, from the feature of the same
 * weights. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/load_checks.h"
#include "vit/model/weights.h"
#include "vit/program/batch.h"
#include "vit/program/session.h"

#include "support/unit.h"

enum { DIM = 8, PATCHES = 4, INPUT = 3 * 8 * 8, CLASSES = 3, BETWEEN = 5, MOST_LINES = 64 };

static const struct vitlrp_rules LRP_0 = {.attention = VITLRP_ATTENTION_ATTNLRP};

/* One session on a model, after its forward pass. */
struct run {
    struct vit_session *session;
    float input[INPUT], outputs[DIM];
    double explained, absorbed, sum;
    float pixels[INPUT];
};

static void fill_input(float *input, double phase) {
    for (size_t i = 0; i < INPUT; i++) {
        input[i] = (float) sin((double) i + phase);
    }
}

static void run_open(struct run *run, const struct vit_model *model, double phase) {
    const struct vit_session_options options = {
        .threads = 1, .backend = "openblas", .keep_all_tokens = true};
    struct vitlrp_error err = {0};
    fill_input(run->input, phase);
    if (vit_session_open(model, &options, &run->session, &err) != VITLRP_OK ||
        vit_forward(run->session, run->input, run->outputs, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
}

/* The map of a weighted sum of outputs. */
static void run_explain(struct run *run, const struct vit_model *model, const double *weights,
                        const struct vitlrp_rules *rules) {
    struct vitlrp_target targets[DIM];
    struct vitlrp_ledger_entry ledger[MOST_LINES];
    struct vitlrp_error err = {0};
    struct vit_relevance relevance = {.pixels = run->pixels, .ledger = ledger};
    size_t lines = vit_ledger_length(model);
    assert_true(lines <= MOST_LINES);
    for (int32_t i = 0; i < model->config.classes; i++) {
        targets[i] = (struct vitlrp_target){i, (float) weights[i]};
    }
    if (vit_relevance(run->session, targets, (size_t) model->config.classes, rules, &relevance,
                      &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    run->explained = relevance.explained;
    run->sum = relevance.sum;
    run->absorbed = 0;
    for (size_t i = 0; i < lines; i++) {
        run->absorbed += ledger[i].absorbed;
    }
}

static void assert_near(double a, double b, double limit) {
    if (!(fabs(a - b) <= limit)) {
        fail_msg("%.9g and %.9g differ by more than %g", a, b, limit);
    }
}

static void assert_same_maps(const struct run *a, const struct run *b) {
    assert_true(relative_error(a->pixels, b->pixels, INPUT) < 2e-5);
}

/* ---- Likeness ---- */

static struct vit_model *headless_model(void) {
    struct vit_config config = small_config();
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    config.classes = DIM;
    config.unusual = slot_unusual(SLOT_HEAD_WEIGHT, false) | slot_unusual(SLOT_HEAD_BIAS, false);
    assert_int_equal(vit_model_random(&config, 7, &model, &err), VITLRP_OK);
    model->outputs = VITLRP_OUTPUTS_FEATURE;
    return model;
}

static double norm_of(const double *values) {
    double sum = 0;
    for (size_t d = 0; d < DIM; d++) {
        sum += values[d] * values[d];
    }
    return sqrt(sum);
}

/* The mean of the unit vectors of two features, of length 1. */
static void mean_direction(const float *features, double *out) {
    double one[2][DIM];
    for (size_t i = 0; i < 2; i++) {
        for (size_t d = 0; d < DIM; d++) {
            one[i][d] = features[i * DIM + d];
        }
    }
    for (size_t d = 0; d < DIM; d++) {
        out[d] = one[0][d] / norm_of(one[0]) + one[1][d] / norm_of(one[1]);
    }
    double norm = norm_of(out);
    for (size_t d = 0; d < DIM; d++) {
        out[d] /= norm;
    }
}

/* s = <u, v> / |u|: under LRP a head of one row v / |u|, and its true derivative for the gradient.
 */
static void test_likeness(void **unused) {
    struct vit_model *base = headless_model();
    struct vit_model *like = NULL;
    struct vitlrp_error err = {0};
    struct run feature, other, likeness;
    const double one = 1;
    double direction[DIM], u[DIM], lrp[DIM], slope[DIM];
    (void) unused;
    run_open(&other, base, 1);
    run_open(&feature, base, 0);
    float references[2 * DIM];
    memcpy(references, other.outputs, DIM * sizeof *references);
    for (size_t d = 0; d < DIM; d++) {
        references[DIM + d] = 3.0F * (float) cos((double) d);
    }
    assert_int_equal(vit_model_like(base, references, 2, &like, &err), VITLRP_OK);
    assert_int_equal(like->config.classes, 1);
    assert_int_equal(like->outputs, VITLRP_OUTPUTS_LIKENESS);
    run_open(&likeness, like, 0);
    mean_direction(references, direction);
    double cosine = 0;
    for (size_t d = 0; d < DIM; d++) {
        u[d] = feature.outputs[d];
        cosine += u[d] * direction[d] / 1;
    }
    double norm = norm_of(u);
    cosine /= norm;
    assert_near(likeness.outputs[0], cosine, 1e-6);
    for (size_t d = 0; d < DIM; d++) {
        lrp[d] = direction[d] / norm;
        slope[d] = (direction[d] - cosine * u[d] / norm) / norm;
    }
    run_explain(&likeness, like, &one, &LRP_0);
    run_explain(&feature, base, lrp, &LRP_0);
    assert_same_maps(&likeness, &feature);
    assert_near(likeness.sum + likeness.absorbed, cosine, 1e-5);
    run_explain(&likeness, like, &one, NULL);
    run_explain(&feature, base, slope, NULL);
    assert_same_maps(&likeness, &feature);
    vit_session_close(feature.session);
    vit_session_close(other.session);
    vit_session_close(likeness.session);
    vit_model_free(like);
    vit_model_free(base);
}

/* An image is like itself by 1, whoever lets go of the weights first. */
static void test_itself(void **unused) {
    struct vit_model *base = headless_model();
    struct vit_model *like = NULL;
    struct vitlrp_error err = {0};
    struct run feature, likeness;
    (void) unused;
    run_open(&feature, base, 2);
    assert_int_equal(vit_model_like(base, feature.outputs, 1, &like, &err), VITLRP_OK);
    vit_session_close(feature.session);
    vit_model_free(base);
    run_open(&likeness, like, 2);
    assert_near(likeness.outputs[0], 1, 1e-6);
    vit_session_close(likeness.session);
    vit_model_free(like);
}

static void test_no_likeness(void **unused) {
    struct vit_model *base = headless_model();
    struct vit_model *like = NULL;
    struct vitlrp_error err = {0};
    float features[2 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, -5, -6, -7, -8};
    const float nothing[DIM] = {0};
    (void) unused;
    assert_int_equal(vit_model_like(base, features, 0, &like, &err), VITLRP_USAGE);
    assert_int_equal(vit_model_like(base, features, 2, &like, &err), VITLRP_NUMERIC);
    assert_int_equal(vit_model_like(base, nothing, 1, &like, &err), VITLRP_NUMERIC);
    base->outputs = VITLRP_OUTPUTS_CLASSES;
    assert_int_equal(vit_model_like(base, features, 1, &like, &err), VITLRP_USAGE);
    assert_null(like);
    vit_model_free(base);
}

/* ---- Heads of two layers ---- */

static double activation(enum vit_activation kind, double z) {
    switch (kind) {
    case VIT_GELU_ERF:
        return z * 0.5 * (1 + erf(z / sqrt(2)));
    case VIT_GELU_TANH:
        return z * 0.5 * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (z + 0.044715 * z * z * z)));
    case VIT_GELU_QUICK:
        return z / (1 + exp(-1.702 * z));
    case VIT_TANH:
        return tanh(z);
    default:
        return z > 0 ? z : 0;
    }
}

static double slope_of(enum vit_activation kind, double z) {
    const double h = 1e-5;
    return (activation(kind, z + h) - activation(kind, z - h)) / (2 * h);
}

/* Between the layers: z, and what the activation makes of it. */
static void first_layer(const struct vit_model *model, const float *feature, double *z) {
    for (size_t j = 0; j < BETWEEN; j++) {
        z[j] = model->weights.pre_logits_bias[j];
        for (size_t d = 0; d < DIM; d++) {
            z[j] += (double) model->weights.pre_logits_weight[j * DIM + d] * feature[d];
        }
    }
}

/* out [DIM] = G of the feature for the class, `factor` of each z between the layers. */
static void head_seed(const struct vit_model *model, int32_t class, const double *factor,
                      double *out) {
    for (size_t d = 0; d < DIM; d++) {
        out[d] = 0;
        for (size_t j = 0; j < BETWEEN; j++) {
            out[d] += (double) model->weights.head_weight[class * BETWEEN + (int32_t) j] *
                      factor[j] * model->weights.pre_logits_weight[j * DIM + d];
        }
    }
}

static struct vit_model *two_layers(const char *word, bool head) {
    struct vit_config config = small_config();
    const struct vit_load_options options = {.heads = 2, .head_activation = word};
    struct pth_list list;
    struct bytes bytes;
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    pth_timm(&list, &config);
    pth_remove(&list, "head.weight");
    pth_remove(&list, "head.bias");
    if (head) {
        pth_add(&list, "head.0.weight", BETWEEN, DIM, 0, 0);
        pth_add(&list, "head.0.bias", BETWEEN, 0, 0, 0);
        pth_add(&list, "head.3.weight", CLASSES, BETWEEN, 0, 0);
        pth_add(&list, "head.3.bias", CLASSES, 0, 0, 0);
    }
    safetensors_make(&list, "F32", NULL, &bytes);
    enum vitlrp_status status =
        vit_model_load_memory(bytes.data, bytes.size, "m", &options, &model, &err);
    bytes_free(&bytes);
    if (status != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return model;
}

static void check_activation(const char *word, enum vit_activation kind) {
    struct vit_model *model = two_layers(word, true);
    struct vit_model *bare = two_layers(NULL, false);
    struct run whole, feature;
    double z[BETWEEN], ratio[BETWEEN], slope[BETWEEN], seed[DIM];
    const double weights[CLASSES] = {0, 1, 0};
    run_open(&whole, model, 0);
    run_open(&feature, bare, 0);
    first_layer(model, feature.outputs, z);
    for (size_t c = 0; c < CLASSES; c++) {
        double logit = model->weights.head_bias[c];
        for (size_t j = 0; j < BETWEEN; j++) {
            logit += (double) model->weights.head_weight[c * BETWEEN + j] * activation(kind, z[j]);
        }
        assert_near(whole.outputs[c], logit, 1e-6);
    }
    for (size_t j = 0; j < BETWEEN; j++) {
        ratio[j] = activation(kind, z[j]) / z[j];
        slope[j] = slope_of(kind, z[j]);
    }
    run_explain(&whole, model, weights, &LRP_0);
    head_seed(model, 1, ratio, seed);
    run_explain(&feature, bare, seed, &LRP_0);
    assert_same_maps(&whole, &feature);
    assert_near(whole.sum + whole.absorbed, whole.outputs[1], 1e-6);
    run_explain(&whole, model, weights, NULL);
    head_seed(model, 1, slope, seed);
    run_explain(&feature, bare, seed, NULL);
    assert_same_maps(&whole, &feature);
    vit_session_close(whole.session);
    vit_session_close(feature.session);
    vit_model_free(model);
    vit_model_free(bare);
}

static void test_two_layers(void **unused) {
    (void) unused;
    check_activation("gelu", VIT_GELU_ERF);
    check_activation("gelu_tanh", VIT_GELU_TANH);
    check_activation("quick_gelu", VIT_GELU_QUICK);
    check_activation("relu", VIT_RELU);
    check_activation("tanh", VIT_TANH);
}

/* ---- Attention pools ---- */

enum { HEADS = 2, SIZE = DIM / HEADS, POOL_MLP = 6 };

static void add_map(struct vit_config *config) {
    static const enum slot SLOTS[] = {
        SLOT_MAP_PROBE,     SLOT_MAP_QKV_WEIGHT,  SLOT_MAP_QKV_BIAS,  SLOT_MAP_PROJ_WEIGHT,
        SLOT_MAP_PROJ_BIAS, SLOT_MAP_NORM_WEIGHT, SLOT_MAP_NORM_BIAS, SLOT_MAP_FC1_WEIGHT,
        SLOT_MAP_FC1_BIAS,  SLOT_MAP_FC2_WEIGHT,  SLOT_MAP_FC2_BIAS};
    config->map_heads = HEADS;
    config->map_mlp_dim = POOL_MLP;
    for (size_t i = 0; i < sizeof SLOTS / sizeof SLOTS[0]; i++) {
        config->unusual |= slot_unusual(SLOTS[i], true);
    }
}

static struct vit_model *pool_model(enum vit_pool pool) {
    struct vit_config config = small_config();
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    config.pool = pool;
    add_map(&config);
    assert_int_equal(vit_model_random(&config, 3, &model, &err), VITLRP_OK);
    float *probe = slot_data(model, SLOT_MAP_PROBE, 0); /* so that no token takes all */
    for (size_t d = 0; d < DIM; d++) {
        probe[d] = 2.0F * (float) sin(1.0 + (double) d);
    }
    return model;
}

static void layer(const float *weight, const float *bias, size_t outputs, size_t inputs,
                  const double *x, double *out) {
    for (size_t j = 0; j < outputs; j++) {
        out[j] = bias[j];
        for (size_t i = 0; i < inputs; i++) {
            out[j] += (double) weight[j * inputs + i] * x[i];
        }
    }
}

static void norm(const float *weight, const float *bias, const double *x, double *out) {
    double mean = 0, square = 0;
    for (size_t d = 0; d < DIM; d++) {
        mean += x[d] / DIM;
    }
    for (size_t d = 0; d < DIM; d++) {
        square += (x[d] - mean) * (x[d] - mean) / DIM;
    }
    for (size_t d = 0; d < DIM; d++) {
        out[d] = (x[d] - mean) / sqrt(square + 1e-6) * weight[d] + bias[d];
    }
}

/* out [DIM]: what the query finds in tokens [first, tokens). */
static void attend(const struct vit_weights *weights, const double *normed, size_t first,
                   size_t tokens, double *out) {
    double query[DIM], probe[DIM], pair[PATCHES + 1][2 * DIM];
    for (size_t d = 0; d < DIM; d++) {
        probe[d] = weights->map_probe[d];
    }
    layer(weights->map_qkv_weight, weights->map_qkv_bias, DIM, DIM, probe, query);
    for (size_t t = first; t < tokens; t++) {
        layer(weights->map_qkv_weight + DIM * DIM, weights->map_qkv_bias + DIM, 2 * DIM, DIM,
              normed + t * DIM, pair[t]);
    }
    memset(out, 0, DIM * sizeof *out);
    for (size_t h = 0; h < HEADS; h++) {
        double share[PATCHES + 1], total = 0;
        for (size_t t = first; t < tokens; t++) {
            double score = 0;
            for (size_t d = h * SIZE; d < (h + 1) * SIZE; d++) {
                score += query[d] * pair[t][d] / sqrt(SIZE);
            }
            share[t] = exp(score);
            total += share[t];
        }
        for (size_t t = first; t < tokens; t++) {
            for (size_t d = h * SIZE; d < (h + 1) * SIZE; d++) {
                out[d] += share[t] / total * pair[t][DIM + d];
            }
        }
    }
}

/* The logits from the tokens that leave the last block. */
static void naive_pool(const struct vit_weights *weights, const float *stream, size_t first,
                       double *logits) {
    double normed[(PATCHES + 1) * DIM], row[DIM], found[DIM], pooled[DIM];
    double hidden[POOL_MLP], added[DIM];
    for (size_t t = 0; t < PATCHES + 1; t++) {
        for (size_t d = 0; d < DIM; d++) {
            row[d] = stream[t * DIM + d];
        }
        norm(weights->norm_weight, weights->norm_bias, row, normed + t * DIM);
    }
    attend(weights, normed, first, PATCHES + 1, found);
    layer(weights->map_proj_weight, weights->map_proj_bias, DIM, DIM, found, pooled);
    norm(weights->map_norm_weight, weights->map_norm_bias, pooled, row);
    layer(weights->map_fc1_weight, weights->map_fc1_bias, POOL_MLP, DIM, row, hidden);
    for (size_t j = 0; j < POOL_MLP; j++) {
        hidden[j] = activation(VIT_GELU_ERF, hidden[j]);
    }
    layer(weights->map_fc2_weight, weights->map_fc2_bias, DIM, POOL_MLP, hidden, added);
    for (size_t d = 0; d < DIM; d++) {
        pooled[d] += added[d];
    }
    layer(weights->head_weight, weights->head_bias, CLASSES, DIM, pooled, logits);
}

/* The slope along the input, against the sum of input * gradient. */
static void check_slope(struct run *run, const struct vit_model *model, const double *weights) {
    const float h = 1e-2F;
    struct vitlrp_error err = {0};
    double ends[2] = {0, 0};
    run_explain(run, model, weights, NULL);
    for (size_t end = 0; end < 2; end++) {
        float input[INPUT], outputs[DIM];
        for (size_t i = 0; i < INPUT; i++) {
            input[i] = run->input[i] * (end == 0 ? 1 - h : 1 + h);
        }
        assert_int_equal(vit_forward(run->session, input, outputs, &err), VITLRP_OK);
        for (int32_t c = 0; c < CLASSES; c++) {
            ends[end] += weights[c] * outputs[c];
        }
    }
    double slope = (ends[1] - ends[0]) / (2 * (double) h);
    assert_near(run->sum, slope, 2e-3 * fmax(fabs(slope), 0.1));
}

static void check_batch(const struct vit_model *model, const struct run *run) {
    const struct vit_batch_options options = {.threads = 1, .capacity = 3, .backend = "openblas"};
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    float inputs[3 * INPUT], outputs[3 * CLASSES];
    for (size_t i = 0; i < 3; i++) {
        fill_input(inputs + i * INPUT, i == 1 ? 0 : 5);
    }
    assert_int_equal(vit_batch_open(model, &options, &batch, &err), VITLRP_OK);
    assert_int_equal(vit_batch_forward(batch, 3, inputs, outputs, &err), VITLRP_OK);
    for (size_t c = 0; c < CLASSES; c++) {
        assert_near(outputs[CLASSES + c], run->outputs[c], 1e-6);
    }
    vit_batch_close(batch);
}

static void check_pool(enum vit_pool pool, size_t first) {
    static const struct vitlrp_rules CP = {.attention = VITLRP_ATTENTION_CP,
                                           .gamma = {0.25F, 0.1F, 0.1F, 0.05F, 0.05F, 0.05F}};
    struct vit_model *model = pool_model(pool);
    struct vitlrp_error err = {0};
    struct run run;
    float stream[(PATCHES + 1) * DIM];
    double logits[CLASSES];
    const double weights[CLASSES] = {1, 0, -0.5};
    run_open(&run, model, 0);
    assert_int_equal(vit_block_output(run.session, model->config.depth - 1, stream, &err),
                     VITLRP_OK);
    naive_pool(&model->weights, stream, first, logits);
    for (size_t c = 0; c < CLASSES; c++) {
        assert_near(run.outputs[c], logits[c], 2e-6);
    }
    check_batch(model, &run);
    run_explain(&run, model, weights, &LRP_0);
    assert_near(run.sum + run.absorbed, run.explained, 1e-5);
    run_explain(&run, model, weights, &CP);
    assert_near(run.sum + run.absorbed, run.explained, 1e-5);
    check_slope(&run, model, weights);
    vit_session_close(run.session);
    vit_model_free(model);
}

/* The probe reads the patches alone, or the token in front of them too. */
static void test_attention_pools(void **unused) {
    (void) unused;
    check_pool(VIT_POOL_MAP, 1);
    check_pool(VIT_POOL_MAP_ALL, 0);
}

/* ---- Tokens that left ---- */

/* Logits without patch 2, once of the input and once with other pixels there. */
static void drop_twice(struct vit_batch *batch, const float *input, float logits[2][CLASSES]) {
    const uint8_t absent[PATCHES] = {0, 0, 1, 0};
    float other[INPUT];
    struct vitlrp_error err = {0};
    for (size_t i = 0; i < INPUT; i++) {
        bool inside = i / 8 % 8 >= 4 && i % 8 < 4;
        other[i] = inside ? input[i] + 1.0F : input[i];
    }
    assert_int_equal(vit_batch_forward_without(batch, input, absent, 1, logits[0], &err),
                     VITLRP_OK);
    assert_int_equal(vit_batch_forward_without(batch, other, absent, 1, logits[1], &err),
                     VITLRP_OK);
}

/* A pool never reads a token that left; and where all tokens are equal, one less changes nothing.
 */
static void check_drop(enum vit_pool pool) {
    const struct vit_batch_options options = {.threads = 1, .backend = "openblas"};
    struct vit_config config = small_config();
    struct vit_model *model = NULL;
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    float input[INPUT], whole[CLASSES], logits[2][CLASSES];
    config.pool = pool;
    config.prefix = pool == VIT_POOL_CLS_MEAN ? 1 : 0;
    config.unusual |= slot_unusual(SLOT_POSITION, false);
    if (pool == VIT_POOL_MAP || pool == VIT_POOL_MAP_ALL) {
        add_map(&config);
    }
    assert_int_equal(vit_model_random(&config, 3, &model, &err), VITLRP_OK);
    assert_int_equal(vit_batch_open(model, &options, &batch, &err), VITLRP_OK);
    fill_input(input, 0);
    drop_twice(batch, input, logits);
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    for (size_t i = 0; i < INPUT; i++) {
        input[i] = (float) sin((double) (i / 64 * 16 + i / 8 % 4 * 4 + i % 4));
    }
    assert_int_equal(vit_batch_forward(batch, 1, input, whole, &err), VITLRP_OK);
    drop_twice(batch, input, logits);
    for (size_t i = 0; i < CLASSES && config.prefix == 0; i++) {
        assert_near(logits[0][i], whole[i], 1e-5);
    }
    vit_batch_close(batch);
    vit_model_free(model);
}

static void test_drops(void **unused) {
    (void) unused;
    check_drop(VIT_POOL_MEAN);
    check_drop(VIT_POOL_MEAN_ALL);
    check_drop(VIT_POOL_CLS_MEAN);
    check_drop(VIT_POOL_MAP);
    check_drop(VIT_POOL_MAP_ALL);
}

/* input * gradient of every pool adds up to how the output grows when all of the input does. */
static void check_gradient(enum vit_pool pool) {
    const double weights[CLASSES] = {1.0, 0.0, 0.0};
    struct vit_config config = small_config();
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    struct run run;
    double ends[2];
    config.pool = pool;
    config.prefix = 2;
    config.registers = 1;
    if (pool == VIT_POOL_MAP || pool == VIT_POOL_MAP_ALL) {
        add_map(&config);
    }
    assert_int_equal(vit_model_random(&config, 3, &model, &err), VITLRP_OK);
    run_open(&run, model, 0);
    run_explain(&run, model, weights, NULL);
    for (size_t end = 0; end < 2; end++) {
        for (size_t i = 0; i < INPUT; i++) {
            run.input[i] = (float) (sin((double) i) * (end == 0 ? 0.99 : 1.01));
        }
        assert_int_equal(vit_forward(run.session, run.input, run.outputs, &err), VITLRP_OK);
        ends[end] = run.outputs[0];
    }
    assert_near(run.sum, (ends[1] - ends[0]) / 0.02, 1e-3 * (1.0 + fabs(run.sum)));
    assert_true(fabs(run.sum) > 1e-2);
    vit_session_close(run.session);
    vit_model_free(model);
}

static void test_gradients(void **unused) {
    static const enum vit_pool POOLS[] = {VIT_POOL_CLS,      VIT_POOL_SECOND,   VIT_POOL_MEAN,
                                          VIT_POOL_MEAN_ALL, VIT_POOL_CLS_MEAN, VIT_POOL_MAP,
                                          VIT_POOL_MAP_ALL};
    (void) unused;
    for (size_t i = 0; i < sizeof POOLS / sizeof POOLS[0]; i++) {
        check_gradient(POOLS[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_likeness),        cmocka_unit_test(test_itself),
        cmocka_unit_test(test_no_likeness),     cmocka_unit_test(test_two_layers),
        cmocka_unit_test(test_attention_pools), cmocka_unit_test(test_drops),
        cmocka_unit_test(test_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
