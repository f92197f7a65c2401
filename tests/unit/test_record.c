/* Records of evaluations: written, read back, refused when damaged, and merged. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "eval/merge.h"
#include "eval/record.h"
#include "support/golden.h"
#include "support/sample_record.h"

#include "support/unit.h"

static const struct sample_shape SMALL = {
    .images = 9, .methods = 4, .steps = 4, .grid = 3, .shards = 1};

static struct record read_good(const struct text *json) {
    struct record record;
    struct vitlrp_error err = {0};
    enum vitlrp_status status = record_read(json->data, json->length, &record, &err);
    if (status != VITLRP_OK) {
        print_message("%s\n", err.message);
    }
    assert_int_equal(status, VITLRP_OK);
    return record;
}

/* Equal bits, NaN included. */
static void assert_same(const void *a, const void *b, size_t size) {
    assert_memory_equal(a, b, size);
}

static void assert_results_equal(const struct eval_method_result *a,
                                 const struct eval_method_result *b, size_t replacements,
                                 size_t points, size_t patches) {
    assert_int_equal(a->valid, b->valid);
    if (!a->valid) {
        return;
    }
    for (size_t r = 0; r < replacements; r++) {
        assert_same(a->curves[r].of[0], b->curves[r].of[0], EVAL_CURVES * points * sizeof(float));
        assert_same(a->curves[r].fp32_areas, b->curves[r].fp32_areas,
                    sizeof a->curves[r].fp32_areas);
    }
    assert_same(a->patches, b->patches, patches * sizeof(float));
    assert_true(a->mass == b->mass || (isnan(a->mass) && isnan(b->mass)));
    assert_true(a->rank == b->rank || (isnan(a->rank) && isnan(b->rank)));
    assert_true(a->sparseness == b->sparseness);
    assert_true(a->complexity == b->complexity || (isnan(a->complexity) && isnan(b->complexity)));
    assert_true(a->segmentation.accuracy == b->segmentation.accuracy ||
                (isnan(a->segmentation.accuracy) && isnan(b->segmentation.accuracy)));
    assert_true(a->segmentation.either[1] == b->segmentation.either[1] ||
                (isnan(a->segmentation.either[1]) && isnan(b->segmentation.either[1])));
    assert_true(a->rho_drop == b->rho_drop || (isnan(a->rho_drop) && isnan(b->rho_drop)));
    assert_true(a->rho_shapley == b->rho_shapley ||
                (isnan(a->rho_shapley) && isnan(b->rho_shapley)));
    assert_true(a->rho_randomized == b->rho_randomized ||
                (isnan(a->rho_randomized) && isnan(b->rho_randomized)));
    assert_true(a->max_sensitivity == b->max_sensitivity ||
                (isnan(a->max_sensitivity) && isnan(b->max_sensitivity)));
    assert_true(a->pointing == b->pointing || (isnan(a->pointing) && isnan(b->pointing)));
}

static void check_round_trip(enum vitlrp_precision precision, uint32_t replacements_of) {
    struct sample_shape shape = SMALL;
    shape.images = RECORD_GALLERY; /* all of which keep their scores */
    shape.precision = precision;
    shape.replacements = replacements_of;
    shape.coalitions = replacements_of == 0 ? 0 : 1024;
    shape.regions = replacements_of == 0 ? 0 : 2;
    shape.randomized = replacements_of == 0 ? 0 : 3;
    shape.sensitivity = precision == VITLRP_PRECISION_BF16 ? 5 : 0;
    struct record record = sample_record(&shape);
    struct text json = sample_json(&record);
    struct record read = read_good(&json);
    const struct evaluation *a = &record.evaluation;
    const struct evaluation *b = &read.evaluation;
    size_t replacements = eval_replacement_count(&a->protocol);
    assert_int_equal(b->protocol.precision, precision);
    assert_int_equal(b->protocol.replacements, a->protocol.replacements);
    assert_int_equal(b->protocol.regions, replacements_of == 0 ? 1 : 2);
    assert_int_equal(b->image_count, a->image_count);
    assert_int_equal(b->method_count, a->method_count);
    for (size_t i = 0; i < a->image_count; i++) {
        const struct eval_image *x = &a->images[i];
        const struct eval_image *y = &b->images[i];
        assert_string_equal(x->id, y->id);
        assert_int_equal(x->status, y->status);
        assert_int_equal(x->label, y->label);
        assert_int_equal(x->output, y->output);
        assert_int_equal(x->donor, y->donor);
        assert_string_equal(x->donor_sha256, y->donor_sha256);
        assert_string_equal(x->mask_sha256, y->mask_sha256);
        assert_same(&x->logit, &y->logit, sizeof x->logit);
        assert_same(&x->shapley_error, &y->shapley_error, sizeof x->shapley_error);
        assert_same(&x->shapley_split_half, &y->shapley_split_half, sizeof(double));
        for (size_t m = 0; m < a->method_count && x->methods != NULL; m++) {
            assert_results_equal(&x->methods[m], &y->methods[m], replacements, 5, 9);
        }
    }
    assert_string_equal(a->settings, b->settings);
    assert_int_equal(b->protocol.seed, 7);
    struct text again = sample_json(&read);
    assert_string_equal(json.data, again.data);
    text_free(&again);
    text_free(&json);
    record_free(&read);
    record_free(&record);
}

static void test_round_trip(void **unused) {
    (void) unused;
    uint32_t several = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLACK) |
                       VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ROAD) |
                       VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_DONOR);
    check_round_trip(VITLRP_PRECISION_FP32, 0);
    check_round_trip(VITLRP_PRECISION_MIXED, 0);
    check_round_trip(VITLRP_PRECISION_BF16, 0);
    check_round_trip(VITLRP_PRECISION_BF16, several);
}

/* Any float32 comes back with its bits. */
static void test_all_floats(void **unused) {
    struct sample_shape shape = SMALL;
    shape.steps = 999;
    struct record record = sample_record(&shape);
    struct test_random random = {99};
    (void) unused;
    for (size_t i = 0; i < record.evaluation.image_count; i++) {
        struct eval_image *image = &record.evaluation.images[i];
        for (size_t k = 0; image->methods != NULL && k < 4000; k++) {
            uint32_t bits = (uint32_t) test_below(&random, 1ULL << 32);
            float value;
            memcpy(&value, &bits, sizeof value);
            image->methods[0].curves->of[EVAL_CURVE_MORF_LOGIT][k] = isfinite(value) ? value : 0.5F;
        }
    }
    struct text json = sample_json(&record);
    struct record read = read_good(&json);
    for (size_t i = 0; i < record.evaluation.image_count; i++) {
        const struct eval_image *image = &record.evaluation.images[i];
        if (image->methods != NULL) {
            assert_same(image->methods[0].curves->of[EVAL_CURVE_MORF_LOGIT],
                        read.evaluation.images[i].methods[0].curves->of[EVAL_CURVE_MORF_LOGIT],
                        4000 * sizeof(float));
        }
    }
    text_free(&json);
    record_free(&read);
    record_free(&record);
}

static double number_at(const json_t *root, const char *first, const char *second,
                        const char *third, const char *fourth) {
    const json_t *value =
        json_object_get(json_object_get(json_object_get(root, first), second), third);
    return json_number_value(json_object_get(value, fourth));
}

static void test_keys(void **unused) {
    struct record record = sample_record(&SMALL);
    struct text json = sample_json(&record);
    struct vitlrp_error err = {0};
    json_t *root = NULL;
    (void) unused;
    assert_int_equal(json_parse_object(json.data, json.length, &root, &err), VITLRP_OK);
    assert_int_equal(json_integer_value(json_object_get(root, "failed")), 1);
    assert_int_equal(number_at(root, "methods", "attnlrp", "delta_logit", "n"), 7);
    assert_int_equal(number_at(root, "methods", "rollout", "pointing", "n"), 5);
    double lo = number_at(root, "methods", "chefer", "morf_prob", "lo");
    double mean = number_at(root, "methods", "chefer", "morf_prob", "mean");
    double hi = number_at(root, "methods", "chefer", "morf_prob", "hi");
    assert_true(lo < mean && mean < hi);
    assert_true(number_at(root, "paired", "attnlrp-masked", "delta_logit", "lo") > 0.0);
    assert_null(json_object_get(json_object_get(root, "paired"), "rollout"));
    const json_t *image = json_array_get(json_object_get(root, "images"), 2);
    assert_string_equal(json_get_string(image, "id"), "n01440766/picture_2.jpg");
    assert_int_equal(json_integer_value(json_object_get(image, "class")), 21);
    const json_t *result = json_object_get(json_object_get(image, "methods"), "attnlrp");
    assert_int_equal(json_array_size(json_object_get(result, "lerf_logit")), 5);
    const json_t *failed = json_array_get(json_object_get(root, "images"), 3);
    assert_string_equal(json_get_string(failed, "status"), "format");
    json_decref(root);
    text_free(&json);
    record_free(&record);
}

/* The audit is there for curves in bf16, with the images and numbers that were put in. */
static void test_keys_of_the_audit(void **unused) {
    struct sample_shape shape = SMALL;
    struct vitlrp_error err = {0};
    (void) unused;
    for (int precision = VITLRP_PRECISION_FP32; precision <= VITLRP_PRECISION_BF16; precision++) {
        json_t *root = NULL;
        shape.images = 45;
        shape.precision = (enum vitlrp_precision) precision;
        struct record record = sample_record(&shape);
        struct text json = sample_json(&record);
        assert_int_equal(json_parse_object(json.data, json.length, &root, &err), VITLRP_OK);
        const json_t *audit = json_object_get(root, "audit");
        if (precision != VITLRP_PRECISION_BF16) {
            assert_true(json_is_null(audit));
            assert_null(strstr(json.data, "fp32_areas"));
        } else {
            assert_int_equal(json_integer_value(json_object_get(audit, "images")), 3);
            const json_t *cell = json_object_get(
                json_object_get(json_object_get(audit, "methods"), "rollout"), "morf_logit");
            double mean_abs = json_number_value(json_object_get(cell, "mean_abs"));
            double max_abs = json_number_value(json_object_get(cell, "max_abs"));
            assert_int_equal(json_integer_value(json_object_get(cell, "n")), 3);
            assert_true(0.0 < mean_abs && mean_abs < max_abs && max_abs < 0.001);
            assert_true(fabs(json_number_value(json_object_get(cell, "mean"))) <= mean_abs);
            assert_true(json_number_value(json_object_get(cell, "per_half_width")) > 0.0);
        }
        json_decref(root);
        text_free(&json);
        record_free(&record);
    }
}

/* The text with its first `from` replaced. Owned: text_free. */
static struct text with_change(const struct text *json, const char *from, const char *to) {
    struct text changed = {.limit = json->length + 1000};
    const char *found = strstr(json->data, from);
    if (found == NULL) {
        fail_msg("'%s' is not in the record", from);
    }
    text_append(&changed, json->data, (size_t) (found - json->data));
    text_append_string(&changed, to);
    text_append_string(&changed, found + strlen(from));
    return changed;
}

static const struct {
    const char *from, *to, *part;
} CHANGES[] = {
    {"{", "[", "JSON"},
    {"vitlrp evaluation 4", "vitlrp evaluation 1", "not a record"},
    {"\"weights_sha256\"", "\"weights\"", "weights_sha256"},
    {"\"steps\": 4", "\"steps\": 5", "morf_logit"},
    {"\"steps\": 4", "\"steps\": 4.0", "steps"},
    {"\"steps\": 4", "\"steps\": 2147483648", "steps"},
    {"\"seed\": 9", "\"seed\": -9", "seed"},
    {"\"block_count\": 0", "\"block_count\": 1025", "block_count"}, /* no model has so many */
    {"\"zero\"", "\"zeros\"", "replace"},
    {"\"predicted\"", "\"foretold\"", "target"},
    {"\"precision\": \"bf16\"", "\"precision\": \"bf17\"", "precision"},
    {"\"precision\": \"bf16\"", "\"precise\": \"bf16\"", "precision"},
    {"\"fp32_areas\"", "\"areas\"", "\"fp32_areas\""},
    {"\"fp32_areas\":{\"morf_logit\":", "\"fp32_areas\":{\"morf_logit\":null,\"x\":",
     "\"fp32_areas\""},
    {"\"grid\": [3, 3]", "\"grid\": [3, 4]", "patches"},
    {"\"grid\": [3, 3]", "\"grid\": [3]", "grid"},
    {"\"grid\": [3, 3]", "\"grid\": [\"3\", 3]", "grid"},
    {"\"grid\": [3, 3]", "\"grid\": [3, 3.0]", "grid"},
    {"\"weights_sha256\": \"", "\"weights_sha256\": \"x", "weights_sha256"},
    {"\"sha256\": \"", "\"sha256\": \"A", "\"sha256\""},
    {"\"probability\":", "\"probability\":1.5,\"x\":", "images[0]: \"probability\""},
    {"\"count\": 9", "\"count\": 8", "images"},
    {"\"count\": 9", "\"count\": 99999999999999999999", "JSON"},
    {"\"shard\": {\"index\": 0, \"count\": 1}", "\"shard\": {\"index\": 0, \"count\": 2}",
     "does not belong to shard 0 of 2"},
    {"\"shard\": {\"index\": 0, \"count\": 1}", "\"shard\": {\"index\": 1, \"count\": 1}", "index"},
    {"\"cancelled\": false", "\"cancelled\": 0", "cancelled"},
    {"\"settings\": {", "\"settings\": [], \"x\": {", "settings"},
    {"\"output\":1", "\"output\":0", "output"},
    {"\"output\":1,\"index\":11", "\"output\":1,\"index\":1", "two classes have the index 1"},
    {"\"class\":1,", "\"class\":4294967297,", "images[0]: \"class\""},
    {"\"index\":2,\"status\"", "\"index\":1,\"status\"", "images[2]"},
    {"\"status\":\"ok\"", "\"status\":\"fine\"", "images[0]: \"status\""},
    {"\"message\"", "\"words\"", "images[3]: \"message\""},
    {"\"class\":1,", "\"class\":2,", "images[0]: \"class\""},
    {"\"rollout\":{\"delta_logit\"", "\"rolled\":{\"delta_logit\"", "images[0]: \"rollout\""},
    {"\"morf_prob\":[", "\"morf_prob\":[null,", "images[0]: \"morf_prob\""},
    {"\"lerf_prob\":[", "\"lerf_prob\":[1e39,", "images[0]: \"lerf_prob\""},
    {"\"mass\":null", "\"mass\":\"\"", "images[1]: \"mass\""},
    {"\"jpeg\":\"/9j/", "\"jpeg\":\"/9j*", "base64"},
    {"\"jpeg\":\"/9j/", "\"jpeg\":\"/9j", "base64"},
};

static const struct {
    const char *from, *to, *part;
} CHANGES_OF_SEVERAL[] = {
    {"[\"black\", \"donor\"]", "[\"donor\", \"black\"]", "replace"},
    {"[\"black\", \"donor\"]", "[\"donor\"]", "replace"},
    {"[\"black\", \"donor\"]", "[\"black\", \"black\"]", "replace"},
    {"[\"black\", \"donor\"]", "[\"black\", 6]", "replace"},
    {"[\"black\", \"donor\"]", "[\"black\", \"blur\", \"donor\"]", "\"replacements\""},
    {"[\"black\", \"donor\"]", "[\"black\", \"road\"]", "images[0]: \"donor\""},
    {"[\"black\", \"donor\"]", "[\"zero\", \"donor\"]", NULL},
    {"\"donor\":{\"index\":1,", "\"donor\":{\"index\":0,", "images[0]: \"donor\""},
    {"\"donor\":{\"index\":1,", "\"donor\":{\"index\":9,", "images[0]: \"index\""},
    {"\"donor\":{\"index\":1,", "\"lender\":{\"index\":1,", "images[0]: \"donor\""},
    {"\"sha256\":\"aaa", "\"sha256\":\"Aaa", "images[0]: \"donor\""},
    {"\"replacements\":{\"donor\":{", "\"replacements\":{\"road\":{", "images[0]: \"donor\""},
    {"\"replacements\":{\"donor\":{", "\"replaced\":{\"donor\":{", "images[0]: \"replacements\""},
};

/* A record of two replacements, one of which has a donor. */
static void test_damage_of_several(void **unused) {
    struct sample_shape shape = SMALL;
    shape.replacements =
        VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLACK) | VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_DONOR);
    struct record record = sample_record(&shape);
    struct text json = sample_json(&record);
    (void) unused;
    for (size_t i = 0; i < sizeof CHANGES_OF_SEVERAL / sizeof CHANGES_OF_SEVERAL[0]; i++) {
        const char *part = CHANGES_OF_SEVERAL[i].part;
        struct text changed =
            with_change(&json, CHANGES_OF_SEVERAL[i].from, CHANGES_OF_SEVERAL[i].to);
        struct record read;
        struct vitlrp_error err = {0};
        enum vitlrp_status status = record_read(changed.data, changed.length, &read, &err);
        if (part == NULL && status == VITLRP_OK) {
            record_free(&read);
        } else if (part == NULL || status != VITLRP_FORMAT || strstr(err.message, part) == NULL) {
            fail_msg("change %zu: status %d: %s", i, (int) status, err.message);
        }
        text_free(&changed);
    }
    text_free(&json);
    record_free(&record);
}

static void test_damage(void **unused) {
    struct sample_shape shape = SMALL;
    shape.precision = VITLRP_PRECISION_BF16;
    struct record record = sample_record(&shape);
    record.evaluation.protocol.seed = 9; /* audits an image that did not fail */
    struct text json = sample_json(&record);
    (void) unused;
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        struct text changed = with_change(&json, CHANGES[i].from, CHANGES[i].to);
        struct vitlrp_error err = {0};
        struct record read = {0};
        if (record_read(changed.data, changed.length, &read, &err) != VITLRP_FORMAT ||
            strstr(err.message, CHANGES[i].part) == NULL) {
            fail_msg("%s -> %s: '%s' has no '%s'", CHANGES[i].from, CHANGES[i].to, err.message,
                     CHANGES[i].part);
        }
        text_free(&changed);
    }
    text_free(&json);
    record_free(&record);
}

/* A picture of 12 bits is a kind of JPEG that no record has. Whoever reads one may want no message.
 */
static void test_picture_of_another_kind(void **unused) {
    static const unsigned char FRAME[] = {0xFF, 0xC0, 0x00, 0x11, 8};
    struct sample_shape shape = SMALL;
    struct record record = sample_record(&shape);
    struct bytes *jpeg = &record.pictures[0].jpeg;
    struct record read = {0};
    struct vitlrp_error err = {0};
    size_t at = 0;
    (void) unused;
    while (at + sizeof FRAME < jpeg->size && memcmp(jpeg->data + at, FRAME, sizeof FRAME) != 0) {
        at++;
    }
    assert_true(at + sizeof FRAME < jpeg->size);
    jpeg->data[at + sizeof FRAME - 1] = 12;
    struct text json = sample_json(&record);
    assert_int_equal(record_read(json.data, json.length, &read, &err), VITLRP_FORMAT);
    assert_int_equal(err.status, VITLRP_FORMAT);
    assert_non_null(strstr(err.message, "gallery[0]: a picture of the gallery: "));
    assert_int_equal(record_read(json.data, json.length, &read, NULL), VITLRP_FORMAT);
    text_free(&json);
    record_free(&record);
}

/* f03 (kind): each method of a record takes time, whether it has results or not. */
static void test_f03_methods_of_a_record(void **unused) {
    struct sample_shape shape = SMALL;
    struct record record = sample_record(&shape);
    struct text json = sample_json(&record);
    struct vitlrp_error err = {0};
    struct record read = {0};
    struct text names = {.limit = 4096};
    (void) unused;
    text_append_string(&names, "\"methods\": {");
    for (size_t i = 0; i < EVAL_METHOD_LIMIT; i++) {
        text_printf(&names, "\"more %zu\":{},", i);
    }
    struct text changed = with_change(&json, "\n  \"methods\": {", names.data);
    assert_int_equal(record_read(changed.data, changed.length, &read, &err), VITLRP_LIMIT);
    assert_non_null(strstr(err.message, "methods: the limit is 64"));
    text_free(&changed);
    text_free(&names);
    text_free(&json);
    record_free(&record);
}

/* Mutants are read or refused (a picture of the gallery that says it is larger: LIMIT), and nothing
 * worse. */
static void test_mutants(void **unused) {
    struct sample_shape shape = {.images = 4, .methods = 2, .steps = 2, .grid = 2, .shards = 1};
    struct record record = sample_record(&shape);
    struct text json = sample_json(&record);
    struct test_random random = {3};
    (void) unused;
    for (int i = 0; i < 3000; i++) {
        char *mutant = malloc(json.length);
        assert_non_null(mutant);
        memcpy(mutant, json.data, json.length);
        for (size_t k = 0; k < 1 + test_below(&random, 3); k++) {
            mutant[test_below(&random, json.length)] =
                "0123456789{}[]\",:-.e\\nulltr\n \xFF"[test_below(&random, 31)];
        }
        size_t length = i % 4 == 0 ? test_below(&random, json.length) : json.length;
        struct record read = {0};
        struct vitlrp_error err = {0};
        enum vitlrp_status status = record_read(mutant, length, &read, &err);
        if (status != VITLRP_OK && status != VITLRP_FORMAT &&
            (status != VITLRP_LIMIT || strstr(err.message, "a picture of the gallery") == NULL)) {
            fail_msg("%s", err.message);
        }
        record_free(&read);
        free(mutant);
    }
    text_free(&json);
    record_free(&record);
}

/* Shards, written and read back and in any order, merge to the bytes of the whole run. */
static void check_merge(enum vitlrp_precision precision) {
    struct sample_shape shape = {
        .images = 50, .methods = 2, .steps = 3, .grid = 2, .shards = 1, .precision = precision};
    struct record whole = sample_record(&shape);
    struct text expected = sample_json(&whole);
    for (shape.shards = 1; shape.shards <= 60; shape.shards += 29) {
        struct record shards[60];
        const struct record *parts[60];
        struct record merged;
        struct vitlrp_error err = {0};
        size_t count = (size_t) shape.shards;
        for (size_t i = 0; i < count; i++) {
            shape.shard = (int32_t) ((i * 3 + 1) % count);
            if (count % 3 == 0) {
                shape.shard = (int32_t) (count - 1 - i);
            }
            struct record shard = sample_record(&shape);
            struct text json = sample_json(&shard);
            shards[i] = read_good(&json);
            parts[i] = &shards[i];
            text_free(&json);
            record_free(&shard);
        }
        assert_int_equal(record_merge(parts, count, &merged, &err), VITLRP_OK);
        struct text json = sample_json(&merged);
        assert_string_equal(json.data, expected.data);
        text_free(&json);
        record_free(&merged);
        for (size_t i = 0; i < count; i++) {
            record_free(&shards[i]);
        }
    }
    text_free(&expected);
    record_free(&whole);
}

static void test_merge(void **unused) {
    (void) unused;
    check_merge(VITLRP_PRECISION_FP32);
    check_merge(VITLRP_PRECISION_BF16);
}

static void replace(char **string, const char *by) {
    mem_free(*string);
    *string = mem_strdup(by);
}

static void assert_unmergeable(const struct record *a, const struct record *b, const char *part) {
    const struct record *parts[] = {a, b};
    struct record merged;
    struct vitlrp_error err = {0};
    assert_int_equal(record_merge(parts, b == NULL ? 1 : 2, &merged, &err), VITLRP_MISMATCH);
    if (strstr(err.message, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, err.message);
    }
}

static void test_merge_refusals(void **unused) {
    struct sample_shape shape = {.images = 9, .methods = 3, .steps = 3, .grid = 2, .shards = 2};
    struct record first = sample_record(&shape);
    (void) unused;
    assert_unmergeable(&first, NULL, "1 of 2 shards");
    assert_unmergeable(&first, &first, "records 1 and 2 are both shard 0/2");
    shape.shard = 1;
    struct record second = sample_record(&shape);
    second.evaluation.protocol.steps = 4;
    assert_unmergeable(&first, &second, "its protocol");
    second.evaluation.protocol.steps = 3;
    second.evaluation.protocol.seed++;
    assert_unmergeable(&first, &second, "its protocol");
    second.evaluation.protocol.seed--;
    second.evaluation.protocol.precision = VITLRP_PRECISION_BF16;
    assert_unmergeable(&first, &second, "protocol differs (precision)");
    second.evaluation.protocol.precision = VITLRP_PRECISION_FP32;
    second.skipped++;
    assert_unmergeable(&first, &second, "its images");
    second.skipped--;
    second.evaluation.shards = 3;
    assert_unmergeable(&first, &second, "a different number of shards");
    second.evaluation.shards = 2;
    second.evaluation.cancelled = true;
    size_t images = second.evaluation.image_count;
    struct eval_image lost = second.evaluation.images[images - 1];
    second.evaluation.image_count--;
    assert_unmergeable(&first, &second, "has 3 of its 4 images: that run was stopped");
    second.evaluation.images[images - 1] = lost;
    second.evaluation.image_count = images;
    replace(&second.evaluation.methods[1], "other");
    assert_unmergeable(&first, &second, "its methods");
    replace(&first.evaluation.settings, "{\"arithmetic\":{\"backend\":\"a\",\"kernels\":\"b\"}}");
    replace(&second.evaluation.settings, "{\"arithmetic\":{\"backend\":\"a\",\"kernels\":\"c\"}}");
    assert_unmergeable(&first, &second, "its settings differ (arithmetic.kernels)");
    assert_unmergeable(&first, &second, "its settings");
    replace(&second.evaluation.manifest_sha256, "0");
    assert_unmergeable(&first, &second, "its images");
    replace(&second.evaluation.model_sha256, "0");
    assert_unmergeable(&first, &second, "another model: weights_sha256 was 4f2b1c");
    replace(&second.version, "9.9.9");
    assert_unmergeable(&first, &second, "another version");
    record_free(&first);
    record_free(&second);
}

static void test_gallery_choice(void **unused) {
    (void) unused;
    for (size_t count = 0; count < 500; count++) {
        struct record record = {.evaluation = {.manifest_count = count}};
        size_t shown = 0;
        for (size_t i = 0; i < count; i++) {
            shown += record_shows(&record, i) ? 1 : 0;
        }
        assert_int_equal(shown, count < RECORD_GALLERY ? count : RECORD_GALLERY);
        assert_false(record_shows(&record, count));
    }
}

static void test_text(void **unused) {
    static const char *const PAIRS[][2] = {
        {"caf\xC3\xA9.jpg", "caf\xC3\xA9.jpg"}, {"a\\b", "a\\b"}, {"a\xFF\\b", "a\\xFF\\x5Cb"}};
    (void) unused;
    for (size_t i = 0; i < 3; i++) {
        char *text = record_text(PAIRS[i][0]);
        assert_string_equal(text, PAIRS[i][1]);
        mem_free(text);
    }
}

static void test_base64(void **unused) {
    static const char *const PAIRS[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"\xFF\xFB\xFE", "//v+"}};
    static const char *const BAD[] = {
        "Z", "Zg=", "Zg", "Z===", "Zm9v====", "Zm 9v", "=Zm9", "Zm=9"};
    (void) unused;
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        struct text text = {.limit = 100};
        struct bytes bytes = {0};
        struct vitlrp_error err = {0};
        size_t size = strlen(PAIRS[i][0]);
        base64_append(&text, PAIRS[i][0], size);
        assert_int_equal(text.length, strlen(PAIRS[i][1]));
        assert_memory_equal(text.data == NULL ? "" : text.data, PAIRS[i][1], text.length);
        assert_int_equal(base64_decode(PAIRS[i][1], text.length, &bytes, &err), VITLRP_OK);
        assert_int_equal(bytes.size, size);
        assert_memory_equal(bytes.data, PAIRS[i][0], size);
        bytes_free(&bytes);
        text_free(&text);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct bytes bytes;
        struct vitlrp_error err = {0};
        assert_int_equal(base64_decode(BAD[i], strlen(BAD[i]), &bytes, &err), VITLRP_FORMAT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_all_floats),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_of_the_audit),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_picture_of_another_kind),
        cmocka_unit_test(test_damage_of_several),
        cmocka_unit_test(test_f03_methods_of_a_record),
        cmocka_unit_test(test_mutants),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_merge_refusals),
        cmocka_unit_test(test_gallery_choice),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
