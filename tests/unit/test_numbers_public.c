/* Row n03 of the table of bad inputs: a number of a public record that is out of its range is
 * USAGE, in every record that a caller fills. Flags are no numbers: all but 0 is true. */
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "vitlrp.h"
#include "vitlrp_eval.h"

#include "support/unit.h"

enum kind { WHOLE, WIDE, SEED, REAL, DOUBLE, OPACITY, RANGE };

/* A field, and the record that it is in. */
struct field {
    const char *name;
    size_t offset;
    enum kind kind;
};

#define FIELD(record, member, kind)                                                                \
    { #member, offsetof(struct vitlrp_##record, member), kind }
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static struct vitlrp_model *model;

/* The call that takes the record; whatever it makes is closed. */
typedef enum vitlrp_status (*try_record)(const void *record);

static enum vitlrp_status try_session(const void *record) {
    struct vitlrp_session *session = NULL;
    size_t bytes = 0;
    enum vitlrp_status asked = vitlrp_session_bytes(model, record, &bytes, NULL);
    enum vitlrp_status status = vitlrp_session_open(model, record, &session, NULL);
    assert_int_equal(asked, status);
    vitlrp_session_close(session);
    return status;
}

static enum vitlrp_status try_architecture(const void *record) {
    struct vitlrp_model *opened = NULL;
    enum vitlrp_status status = vitlrp_model_random(record, &opened, NULL);
    vitlrp_model_close(opened);
    return status;
}

static enum vitlrp_status try_model(const void *record) {
    struct vitlrp_model *opened = NULL;
    enum vitlrp_status status = vitlrp_model_open_builtin(record, &opened, NULL);
    vitlrp_model_close(opened);
    return status;
}

static enum vitlrp_status try_evaluation(const void *record) {
    struct vitlrp_evaluation *evaluation = NULL;
    enum vitlrp_status status = vitlrp_evaluate(model, record, &evaluation, NULL);
    vitlrp_evaluation_close(evaluation);
    return status;
}

static enum vitlrp_status try_dataset(const void *record) {
    struct vitlrp_dataset *dataset = NULL;
    enum vitlrp_status status = vitlrp_dataset_open(model, record, &dataset, NULL);
    vitlrp_dataset_close(dataset);
    return status;
}

static enum vitlrp_status try_cost(const void *record) {
    struct vitlrp_eval_cost cost;
    memcpy(&cost, record, sizeof cost);
    return vitlrp_eval_measure(model, &cost, NULL);
}

static enum vitlrp_status try_curves(const void *record) {
    static const float input[3 * 64 * 64];
    static const float patches[16 * 16];
    struct vitlrp_curves curves;
    memcpy(&curves, record, sizeof curves);
    return vitlrp_curves_measure(model, input, patches, &curves, NULL);
}

static enum vitlrp_status try_preprocess(const void *record) {
    struct vitlrp_geometry geometry;
    return vitlrp_preprocess_plan(record, 100, 80, &geometry, NULL);
}

static enum vitlrp_status try_method(const void *record) {
    static const float input[3 * 64 * 64];
    static float patches[16 * 16];
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    struct vitlrp_relevance relevance;
    const struct vitlrp_method_options *method = record;
    const struct vitlrp_target target = {.output = 0, .weight = 1.0F};
    float *logits = calloc(1000, sizeof *logits);
    vitlrp_session_options_init(&options);
    vitlrp_relevance_init(&relevance);
    options.methods = method->method;
    relevance.patches = patches;
    assert_non_null(logits);
    assert_int_equal(vitlrp_session_open(model, &options, &session, NULL), VITLRP_OK);
    assert_int_equal(vitlrp_session_forward(session, input, logits, NULL), VITLRP_OK);
    enum vitlrp_status status =
        vitlrp_session_attribute(session, &target, 1, method, &relevance, NULL);
    vitlrp_session_close(session);
    free(logits);
    return status;
}

static enum vitlrp_status try_picture(const struct vitlrp_render_options *options,
                                      const struct vitlrp_geometry *geometry) {
    static const uint8_t rgb[16 * 16 * 3];
    static const float values[4] = {1.0F, 0.0F, 0.0F, -1.0F};
    struct vitlrp_map map = {values, 2, 2, geometry};
    struct vitlrp_image *image = NULL;
    unsigned char *data = NULL;
    size_t size = 0;
    assert_int_equal(vitlrp_image_from_rgb(rgb, 16, 16, &image, NULL), VITLRP_OK);
    enum vitlrp_status status = vitlrp_render(image, &map, options, &data, &size, NULL);
    vitlrp_free(data);
    vitlrp_image_close(image);
    return status;
}

static const struct vitlrp_geometry GEOMETRY = {.image_width = 16,
                                                .image_height = 16,
                                                .input_width = 8,
                                                .input_height = 8,
                                                .width = 16.0,
                                                .height = 16.0};

static enum vitlrp_status try_render(const void *record) {
    return try_picture(record, &GEOMETRY);
}

static enum vitlrp_status try_geometry(const void *record) {
    struct vitlrp_render_options options;
    vitlrp_render_options_init(&options);
    return try_picture(&options, record);
}

static void poke(unsigned char *record, const struct field *field, int place) {
    static const int32_t WHOLES[] = {-7, INT_MIN};
    static const int64_t WIDES[] = {-7, INT64_MIN};
    static const float REALS[] = {-1.0F, NAN, -INFINITY};
    static const uint64_t SEEDS[] = {(uint64_t) INT64_MAX + 1, UINT64_MAX};
    float real = REALS[place];
    switch (field->kind) {
    case WHOLE:
        memcpy(record + field->offset, &WHOLES[place % 2], sizeof WHOLES[0]);
        break;
    case WIDE:
        memcpy(record + field->offset, &WIDES[place % 2], sizeof WIDES[0]);
        break;
    case SEED:
        memcpy(record + field->offset, &SEEDS[place % 2], sizeof SEEDS[0]);
        break;
    case OPACITY: /* below 0 it has a meaning */
        real = place == 0 ? 1.5F : NAN;
        memcpy(record + field->offset, &real, sizeof real);
        break;
    case RANGE: /* the other end is 0 */
        real = place == 0 ? NAN : place == 1 ? INFINITY : -INFINITY;
        memcpy(record + field->offset, &real, sizeof real);
        break;
    case DOUBLE:
        memcpy(record + field->offset, &(double){(double) real}, sizeof(double));
        break;
    case REAL:
        memcpy(record + field->offset, &real, sizeof real);
        break;
    }
}

static void assert_refused(const void *good, size_t size, const struct field *fields, size_t count,
                           try_record try) {
    unsigned char *record = malloc(size);
    assert_non_null(record);
    assert_int_equal(try(good), VITLRP_OK);
    size_t passed = 0;
    for (size_t i = 0; i < count; i++) {
        for (int place = 0; place < 3; place++) {
            memcpy(record, good, size);
            poke(record, &fields[i], place);
            enum vitlrp_status status = try(record);
            if (status != VITLRP_USAGE) {
                print_error("%s, bad value %d: %s\n", fields[i].name, place,
                            vitlrp_status_name(status));
                passed++;
            }
        }
    }
    free(record);
    assert_int_equal(passed, 0);
}

static void test_n03_sessions(void **unused) {
    static const struct field FIELDS[] = {
        FIELD(session_options, threads, WHOLE),     FIELD(session_options, input_height, WHOLE),
        FIELD(session_options, input_width, WHOLE), FIELD(session_options, attributions, WHOLE),
        FIELD(session_options, precision, WHOLE),   FIELD(session_options, passes, WIDE),
    };
    struct vitlrp_session_options options;
    (void) unused;
    vitlrp_session_options_init(&options);
    assert_refused(&options, sizeof options, FIELDS, COUNT(FIELDS), try_session);
}

static void test_n03_models(void **unused) {
    static const struct field FIELDS[] = {
        FIELD(model_options, heads, WHOLE),       FIELD(model_options, activation, WHOLE),
        FIELD(model_options, pool, WHOLE),        FIELD(model_options, weights, WHOLE),
        FIELD(model_options, probability, WHOLE), FIELD(model_options, norm_eps, DOUBLE),
    };
    static const struct field SIZES[] = {
        FIELD(architecture, image_size, WHOLE), FIELD(architecture, patch_size, WHOLE),
        FIELD(architecture, dim, WHOLE),        FIELD(architecture, depth, WHOLE),
        FIELD(architecture, heads, WHOLE),      FIELD(architecture, mlp_dim, WHOLE),
        FIELD(architecture, classes, WHOLE),
    };
    struct vitlrp_model_options options;
    struct vitlrp_architecture architecture;
    (void) unused;
    vitlrp_model_options_init(&options);
    assert_refused(&options, sizeof options, FIELDS, COUNT(FIELDS), try_model);
    vitlrp_architecture_init(&architecture);
    architecture.image_size = architecture.patch_size = 16;
    architecture.dim = architecture.mlp_dim = 12;
    architecture.depth = 1;
    assert_refused(&architecture, sizeof architecture, SIZES, COUNT(SIZES), try_architecture);
}

static void test_n03_methods(void **unused) {
    static const struct field FIELDS[] = {
        FIELD(method_options, rules.gamma[0], REAL),
        FIELD(method_options, rules.epsilon, REAL),
    };
    static const struct field ROLLOUT[] = {
        FIELD(method_options, head_fusion, WHOLE),
        FIELD(method_options, discard_ratio, DOUBLE),
    };
    static const struct field SMOOTHGRAD[] = {
        FIELD(method_options, samples, WHOLE),
        FIELD(method_options, noise, DOUBLE),
    };
    struct vitlrp_method_options options;
    (void) unused;
    assert_int_equal(vitlrp_method_options_init(&options, "attnlrp", NULL), VITLRP_OK);
    assert_refused(&options, sizeof options, FIELDS, COUNT(FIELDS), try_method);
    assert_int_equal(vitlrp_method_options_init(&options, "rollout", NULL), VITLRP_OK);
    assert_refused(&options, sizeof options, ROLLOUT, COUNT(ROLLOUT), try_method);
    assert_int_equal(vitlrp_method_options_init(&options, "smoothgrad", NULL), VITLRP_OK);
    options.samples = 2;
    assert_refused(&options, sizeof options, SMOOTHGRAD, COUNT(SMOOTHGRAD), try_method);
}

static void test_n03_pictures(void **unused) {
    static const struct field FIELDS[] = {
        FIELD(render_options, style, WHOLE),      FIELD(render_options, upsample, WHOLE),
        FIELD(render_options, format, WHOLE),     FIELD(render_options, scale, REAL),
        FIELD(render_options, opacity, OPACITY),  FIELD(render_options, kind, WHOLE),
        FIELD(render_options, underlay, WHOLE),   FIELD(render_options, range_low, RANGE),
        FIELD(render_options, range_high, RANGE), FIELD(render_options, contours, WHOLE),
        FIELD(render_options, top_percent, REAL), FIELD(render_options, top_as, WHOLE),
    };
    static const struct field SIDES[] = {
        FIELD(geometry, input_width, WHOLE),
        FIELD(geometry, input_height, WHOLE),
        FIELD(geometry, width, DOUBLE),
        FIELD(geometry, height, DOUBLE),
    };
    struct vitlrp_render_options options;
    (void) unused;
    vitlrp_render_options_init(&options);
    assert_refused(&options, sizeof options, FIELDS, COUNT(FIELDS), try_render);
    assert_refused(&GEOMETRY, sizeof GEOMETRY, SIDES, COUNT(SIDES), try_geometry);
}

static void test_n03_preprocessing(void **unused) {
    static const struct field FIELDS[] = {
        FIELD(preprocess, resize, WHOLE),        FIELD(preprocess, resize_to, WHOLE),
        FIELD(preprocess, interpolation, WHOLE), FIELD(preprocess, crop_height, WHOLE),
        FIELD(preprocess, crop_width, WHOLE),    FIELD(preprocess, std[1], REAL),
    };
    struct vitlrp_preprocess preprocess;
    (void) unused;
    vitlrp_model_preprocess(model, &preprocess);
    assert_refused(&preprocess, sizeof preprocess, FIELDS, COUNT(FIELDS), try_preprocess);
}

static void test_n03_evaluations(void **unused) {
    static const char *const METHODS[] = {"random"};
    static const struct field FIELDS[] = {
        FIELD(eval_options, shard, WHOLE),   FIELD(eval_options, shards, WHOLE),
        FIELD(eval_options, steps, WHOLE),   FIELD(eval_options, replacements, WHOLE),
        FIELD(eval_options, target, WHOLE),  FIELD(eval_options, seed, SEED),
        FIELD(eval_options, threads, WHOLE), FIELD(eval_options, precision, WHOLE),
    };
    static const struct field DATASET[] = {
        FIELD(dataset_options, shard, WHOLE),
        FIELD(dataset_options, shards, WHOLE),
        FIELD(dataset_options, target, WHOLE),
    };
    struct vitlrp_eval_options options;
    struct vitlrp_dataset_options dataset;
    (void) unused;
    vitlrp_eval_options_init(&options);
    options.dataset = PROJECT_DATA;
    options.limit = 1;
    options.steps = 1;
    options.methods = METHODS;
    options.method_count = 1;
    assert_refused(&options, sizeof options, FIELDS, COUNT(FIELDS), try_evaluation);
    vitlrp_dataset_options_init(&dataset);
    dataset.path = PROJECT_DATA;
    assert_refused(&dataset, sizeof dataset, DATASET, COUNT(DATASET), try_dataset);
}

static void test_n03_curves(void **unused) {
    static const struct field FIELDS[] = {
        FIELD(curves, output, WHOLE),      FIELD(curves, steps, WHOLE),
        FIELD(curves, threads, WHOLE),     FIELD(curves, replacement, WHOLE),
        FIELD(curves, seed, SEED),         FIELD(curves, input_height, WHOLE),
        FIELD(curves, input_width, WHOLE),
    };
    struct vitlrp_curves curves;
    (void) unused;
    vitlrp_curves_init(&curves);
    curves.steps = 1;
    assert_refused(&curves, sizeof curves, FIELDS, COUNT(FIELDS), try_curves);
}

static void test_n03_costs(void **unused) {
    static const struct field FIELDS[] = {
        FIELD(eval_cost, images, WHOLE),    FIELD(eval_cost, methods, WHOLE),
        FIELD(eval_cost, threads, WHOLE),   FIELD(eval_cost, steps, WHOLE),
        FIELD(eval_cost, precision, WHOLE),
    };
    struct vitlrp_eval_cost cost;
    (void) unused;
    vitlrp_eval_cost_init(&cost);
    cost.images = 1;
    cost.methods = 1;
    cost.steps = 1;
    assert_refused(&cost, sizeof cost, FIELDS, COUNT(FIELDS), try_cost);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_n03_sessions),      cmocka_unit_test(test_n03_models),
        cmocka_unit_test(test_n03_methods),       cmocka_unit_test(test_n03_pictures),
        cmocka_unit_test(test_n03_preprocessing), cmocka_unit_test(test_n03_evaluations),
        cmocka_unit_test(test_n03_costs),         cmocka_unit_test(test_n03_curves),
    };
    if (vitlrp_model_open_builtin(NULL, &model, NULL) != VITLRP_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vitlrp_model_close(model);
    return failed;
}
