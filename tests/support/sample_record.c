#include "support/sample_record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "eval/audit.h"
#include "eval/protocol.h"
#include "eval/protocol_table.h"
#include "imgio/encode.h"
#include "support/golden.h"
#include "support/kept_record.h"
#include "support/pictures.h"

#include "support/unit.h"

static const char *const METHODS[] = {"attnlrp-masked", "attnlrp",          "rollout",
                                      "chefer",         "input-x-gradient", "random"};

static char *copy(const char *text) {
    char *copied = mem_strdup(text);
    assert_non_null(copied);
    return copied;
}

/* Quality of a method from 1 to 0. */
static double quality(size_t method, size_t methods) {
    return methods == 1 ? 1.0 : 1.0 - (double) method / (double) (methods - 1);
}

static void fill_curves(const struct evaluation *evaluation, const struct eval_image *image,
                        size_t method, struct test_random *random, struct eval_curves *curves) {
    size_t points = (size_t) evaluation->protocol.steps + 1;
    double good = quality(method, evaluation->method_count);
    for (size_t k = 0; k < points; k++) {
        double x = (double) k / (double) (points - 1);
        double noise = k == 0 || k == points - 1 ? 0.0 : 0.4 * test_uniform(random);
        double morf = 8.0 * pow(1.0 - x, 1.0 + 3.0 * good) + noise;
        double lerf = 8.0 * (1.0 - pow(x, 1.0 + 3.0 * good)) - noise;
        curves->of[EVAL_CURVE_MORF_LOGIT][k] = (float) morf;
        curves->of[EVAL_CURVE_LERF_LOGIT][k] = (float) lerf;
        curves->of[EVAL_CURVE_MORF_PROB][k] = (float) (1.0 / (1.0 + exp(4.0 - morf)));
        curves->of[EVAL_CURVE_MORF_TOP1][k] = morf > 4.0 ? 1.0F : 0.0F;
        curves->of[EVAL_CURVE_LERF_TOP1][k] = lerf > 4.0 ? 1.0F : 0.5F;
        curves->of[EVAL_CURVE_LERF_PROB][k] = (float) (1.0 / (1.0 + exp(4.0 - lerf)));
    }
    curves->of[EVAL_CURVE_MORF_LOGIT][points - 1] = -0.0F;
    struct test_random audit = {2000 * image->index + method + 1};
    for (size_t c = 0; audit_covers(evaluation, image->index) && c < EVAL_AREAS; c++) {
        curves->fp32_areas[c] =
            protocol_area(curves->of[c], points - 1) + 0.001 * test_uniform(&audit);
    }
}

static void fill_result(const struct record *record, const struct eval_image *image, size_t method,
                        struct eval_method_result *result) {
    const struct evaluation *evaluation = &record->evaluation;
    size_t patches = (size_t) evaluation->grid_height * (size_t) evaluation->grid_width;
    struct test_random random = {1000 * image->index + method + 1};
    double good = quality(method, evaluation->method_count);
    result->valid = true;
    assert_int_equal(eval_curves_open(&evaluation->protocol, &result->curves, NULL), VITLRP_OK);
    fill_curves(evaluation, image, method, &random, &result->curves[0]);
    for (size_t place = 1; place < eval_replacement_count(&evaluation->protocol); place++) {
        struct test_random other = {100000 * place + 1000 * image->index + method + 1};
        fill_curves(evaluation, image, method, &other, &result->curves[place]);
    }
    result->patches = mem_calloc(patches, sizeof(float));
    assert_non_null(result->patches);
    test_fill(&random, result->patches, patches, 1.0);
    bool boxed = image->index % 2 == 0;
    result->pointing = boxed ? (test_uniform(&random) < good ? 1.0 : 0.0) : NAN;
    result->mass = boxed ? 0.1 + 0.2 * good : NAN;
    result->rank = boxed ? 1.0 / 3.0 : NAN;
    result->sparseness = 0.25 + 0.5 * good;
    result->complexity = image->index % 3 == 0 ? NAN : 2.0 / 3.0;
    bool agrees = evaluation->protocol.coalitions > 0;
    result->segmentation = agrees ? (struct segmentation){good,
                                                          0.25 * good,
                                                          {3.0, 5.0},
                                                          {9.0, 7.0 + (double) image->index}}
                                  : (struct segmentation){NAN, NAN, {NAN, NAN}, {NAN, NAN}};
    result->rho_drop = agrees ? good / 3.0 : NAN;
    result->rho_shapley = agrees && image->index != 2 ? 0.5 * test_uniform(&random) : NAN;
    result->rho_randomized = evaluation->protocol.randomized > 0 ? 0.25 - 0.5 * good : NAN;
    result->max_sensitivity = evaluation->protocol.sensitivity > 0 ? 0.125 + good : NAN;
}

static void fill_image(const struct record *record, struct eval_image *image) {
    char id[64];
    size_t i = image->index;
    const char *form = i == 1 ? "n%08zu/<script>&\"%zu'\n.jpg" : "n%08zu/picture_%zu.jpg";
    snprintf(id, sizeof id, form, 1440764 + i % 7, i);
    image->id = copy(id);
    image->label = (int32_t) (i % 7) - 1;
    image->shapley_error = image->shapley_split_half = NAN;
    if (i == 3) {
        image->status = VITLRP_FORMAT;
        image->message = copy("data/<b>.jpg: truncated JPEG after 1834 bytes");
        image->output = image->predicted = -1;
        return;
    }
    image->output = image->predicted = (int32_t) (i % 5);
    image->logit = 8.0F + 1.0F / 3.0F;
    image->probability = 0.1F;
    if (record->evaluation.protocol.coalitions > 0) {
        memset(image->mask_sha256, 'b', sizeof image->mask_sha256 - 1);
    }
    if (record->evaluation.protocol.coalitions > 0 && i != 2) {
        image->shapley_error = 0.1 / (double) (i + 1);
        image->shapley_split_half = 0.7 - 0.01 * (double) i;
    }
    if (eval_replacement_has(&record->evaluation.protocol, VITLRP_REPLACE_DONOR)) {
        image->donor = i == 0 ? 1 : i - 1;
        memset(image->donor_sha256, 'a', sizeof image->donor_sha256 - 1);
    }
    image->methods = mem_calloc(record->evaluation.method_count, sizeof *image->methods);
    assert_non_null(image->methods);
    for (size_t m = 0; m < record->evaluation.method_count; m++) {
        if (i != 5 || m != 1) {
            fill_result(record, image, m, &image->methods[m]);
        }
    }
}

static void fill_classes(struct record *record) {
    record->classes = mem_calloc(6, sizeof *record->classes);
    assert_non_null(record->classes);
    for (int32_t i = 0; i < 6; i++) {
        char wnid[16];
        snprintf(wnid, sizeof wnid, "n%08d", 1440764 + i);
        record->classes[record->class_count++] =
            (struct record_class){.output = i,
                                  .index = 10 * i + 1,
                                  .wnid = copy(wnid),
                                  .label = copy(i == 2 ? "tench & \"co\", <fish>" : "goldfish")};
    }
}

/* Pictures of the gallery's images, whose colours are the image's number's. */
static void fill_pictures(struct record *record) {
    record->pictures = mem_calloc(RECORD_GALLERY, sizeof *record->pictures);
    assert_non_null(record->pictures);
    for (size_t i = 0; i < record->evaluation.image_count; i++) {
        const struct eval_image *image = &record->evaluation.images[i];
        struct vitlrp_error err = {0};
        if (image->status != VITLRP_OK || !record_shows(record, image->index)) {
            continue;
        }
        struct record_picture *picture = &record->pictures[record->picture_count++];
        struct image pixels = picture_make(64, 64);
        picture->index = image->index;
        assert_int_equal(encode_jpeg(&pixels, NULL, &picture->jpeg, &err), VITLRP_OK);
        image_free(&pixels);
    }
}

/* As src/api writes them, compact. */
static const char SETTINGS[] =
    "{\"limit\":0,\"preprocess\":{\"resize\":\"short\",\"resize_to\":256,\"interpolation\":"
    "\"bicubic\","
    "\"crop\":[224,224],\"mean\":[0.5,0.5,0.5],\"std\":[0.25,0.25,0.25],\"ignore_exif\":false},"
    "\"methods\":{\"attnlrp\":{\"gamma_conv\":0.25,\"gamma_fc1\":\"inf\"}},\"boxes_sha256\":\"\","
    "\"arithmetic\":{\"backend\":\"openblas\",\"library\":\"OpenBLAS 0.3.21\",\"kernels\":\"avx2\","
    "\"precision\":\"fp32\"}}";

struct record sample_record(const struct sample_shape *shape) {
    struct record record = {0};
    struct evaluation *evaluation = &record.evaluation;
    evaluation->protocol = eval_protocol_default();
    evaluation->protocol.steps = shape->steps;
    evaluation->protocol.seed = 7;
    if (shape->replacements != 0) {
        evaluation->protocol.replacements = shape->replacements;
    }
    evaluation->protocol.precision = shape->precision;
    evaluation->protocol.coalitions = shape->coalitions;
    evaluation->protocol.randomized = shape->randomized;
    evaluation->protocol.sensitivity = shape->sensitivity;
    evaluation->protocol.regions = shape->regions == 0 ? 1 : shape->regions;
    evaluation->grid_height = evaluation->grid_width = shape->grid;
    evaluation->manifest_count = shape->images;
    evaluation->shard = shape->shard;
    evaluation->shards = shape->shards;
    evaluation->model_name = copy("models/vit \"tiny\".safetensors");
    evaluation->model_sha256 =
        copy("4f2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b");
    evaluation->manifest_sha256 =
        copy("0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9");
    evaluation->settings = copy(SETTINGS);
    record.version = copy("0.1.0");
    record.dataset = copy("data/tiny-imagenet/val");
    record.reference = copy("rollout");
    record.skipped = 2;
    evaluation->methods = mem_calloc(shape->methods, sizeof *evaluation->methods);
    evaluation->images = mem_calloc(shape->images, sizeof *evaluation->images);
    assert_true(evaluation->methods != NULL && evaluation->images != NULL);
    for (size_t m = 0; m < shape->methods; m++) {
        evaluation->methods[evaluation->method_count++] = copy(METHODS[m]);
    }
    for (size_t i = (size_t) shape->shard; i < shape->images; i += (size_t) shape->shards) {
        struct eval_image *image = &evaluation->images[evaluation->image_count++];
        image->index = i;
        fill_image(&record, image);
    }
    fill_classes(&record);
    fill_pictures(&record);
    return record;
}

struct text sample_json(const struct record *record) {
    struct text text = {.limit = (size_t) 1 << 28};
    struct summary summary;
    struct vitlrp_error err = {0};
    assert_int_equal(summary_make(&record->evaluation, record->reference, 2, &summary, &err),
                     VITLRP_OK);
    assert_int_equal(record_write(record, &summary, NULL, &text, &err), VITLRP_OK);
    record_keep(text.data, text.length);
    summary_free(&summary);
    return text;
}
