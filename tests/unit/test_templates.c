/* Templates of prompts: the published lists, what texts become in them, and who watches. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/golden.h"
#include "vitlrp_words.h"

#include "support/unit.h"

#define WORDS TEST_DATA "/golden/words"

static struct vitlrp_model *open_clip(void) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_error err = {0};
    if (vitlrp_model_open(WORDS "/clip-quickgelu/huggingface", NULL, &model, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return model;
}

static size_t places_of(const char *template) {
    size_t count = 0;
    for (const char *at = strstr(template, "{}"); at != NULL; at = strstr(at + 2, "{}")) {
        count++;
    }
    return count;
}

static bool is_among(const char *template, const char *const *list, size_t count) {
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found = found || strcmp(list[i], template) == 0;
    }
    return found;
}

/* Each has one place, occurs once, and the seven are among the eighty. */
static void test_published(void **unused) {
    const char *const *eighty = NULL;
    const char *const *seven = NULL;
    const char *const *none = NULL;
    struct vitlrp_error err = {0};
    size_t counts[2] = {0, 0};
    size_t count = 0;
    (void) unused;
    assert_int_equal(vitlrp_templates("imagenet80", &eighty, &counts[0], &err), VITLRP_OK);
    assert_int_equal(vitlrp_templates("imagenet7", &seven, &counts[1], &err), VITLRP_OK);
    assert_int_equal(counts[0], 80);
    assert_int_equal(counts[1], 7);
    for (size_t i = 0; i < 80; i++) {
        assert_int_equal(places_of(eighty[i]), 1);
        assert_false(is_among(eighty[i], eighty, i));
    }
    for (size_t i = 0; i < 7; i++) {
        assert_true(is_among(seven[i], eighty, 80));
    }
    assert_string_equal(eighty[0], "a bad photo of a {}.");
    assert_string_equal(eighty[79], "a tattoo of the {}.");
    assert_string_equal(seven[0], "itap of a {}.");
    assert_int_equal(vitlrp_templates("cifar", &none, &count, &err), VITLRP_USAGE);
    assert_non_null(strstr(err.message, "'cifar'"));
}

/* The model's logits for the folder's input. */
static void logits_of(const struct vitlrp_model *model, float *logits) {
    struct vitlrp_session *session = NULL;
    struct vitlrp_session_info info;
    struct vitlrp_error err = {0};
    assert_int_equal(vitlrp_session_open(model, NULL, &session, &err), VITLRP_OK);
    vitlrp_session_info_init(&info);
    vitlrp_session_describe(session, &info);
    size_t pixels = (size_t) 3 * (size_t) info.input_height * (size_t) info.input_width;
    float *input = golden_read("words/clip-quickgelu/input.npy", 3, pixels);
    assert_int_equal(vitlrp_session_forward(session, input, logits, &err), VITLRP_OK);
    mem_free(input);
    vitlrp_session_close(session);
}

/* Prompts in templates are the same texts written out, in whatever order their classes come. */
static void test_written_out(void **unused) {
    static const char *const TEMPLATES[] = {"a {}", "{} {}", "{}"};
    static const struct vitlrp_prompt PROMPTS[] = {
        {"bus", "red bus"}, {NULL, "car"}, {"bus", "taxi"}};
    static const struct vitlrp_prompt TEXTS[] = {
        {"bus", "a red bus"}, {"bus", "red bus red bus"}, {"car", "a car"},
        {"bus", "red bus"},   {"car", "car car"},         {"car", "car"},
        {"bus", "a taxi"},    {"bus", "taxi taxi"},       {"bus", "taxi"}};
    struct vitlrp_model *encoder = open_clip();
    struct vitlrp_model *models[2] = {NULL, NULL};
    struct vitlrp_text_options options;
    struct vitlrp_class found;
    struct vitlrp_error err = {0};
    float logits[2][2];
    (void) unused;
    vitlrp_text_options_init(&options);
    assert_int_equal(vitlrp_model_with_texts(encoder, TEXTS, 9, &options, &models[1], &err),
                     VITLRP_OK);
    options.templates = TEMPLATES;
    options.template_count = 3;
    assert_int_equal(vitlrp_model_with_texts(encoder, PROMPTS, 3, &options, &models[0], &err),
                     VITLRP_OK);
    for (size_t i = 0; i < 2; i++) {
        logits_of(models[i], logits[i]);
        assert_int_equal(vitlrp_model_class(models[i], 1, &found, &err), VITLRP_OK);
        assert_string_equal(found.label, "car");
        vitlrp_model_close(models[i]);
    }
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    vitlrp_model_close(encoder);
}

static void test_refused(void **unused) {
    static const char *const NO_PLACE[] = {"a {}", "a photo of { }"};
    static const char *const MISSING[] = {NULL};
    const struct vitlrp_prompt prompt = {.text = "bus"};
    struct vitlrp_model *encoder = open_clip();
    struct vitlrp_model *model = NULL;
    struct vitlrp_text_options options;
    struct vitlrp_error err = {0};
    (void) unused;
    vitlrp_text_options_init(&options);
    options.templates = NO_PLACE;
    options.template_count = 2;
    assert_int_equal(vitlrp_model_with_texts(encoder, &prompt, 1, &options, &model, &err),
                     VITLRP_USAGE);
    assert_non_null(strstr(err.message, "'a photo of { }' has no {}"));
    options.templates = MISSING;
    options.template_count = 1;
    assert_int_equal(vitlrp_model_with_texts(encoder, &prompt, 1, &options, &model, &err),
                     VITLRP_USAGE);
    options.templates = NULL;
    assert_int_equal(vitlrp_model_with_texts(encoder, &prompt, 1, &options, &model, &err),
                     VITLRP_USAGE);
    options.templates = NO_PLACE;
    options.template_count = 1001;
    assert_int_equal(vitlrp_model_with_texts(encoder, &prompt, 1, &options, &model, &err),
                     VITLRP_LIMIT);
    vitlrp_model_close(encoder);
}

struct watched {
    size_t done, total;
    int32_t ends; /* what is said of whether to end */
};

static void note(void *user, size_t done, size_t total) {
    struct watched *watched = user;
    assert_true(done > watched->done && done <= total);
    watched->done = done;
    watched->total = total;
}

static int32_t ask(void *user) {
    const struct watched *watched = user;
    return watched->ends;
}

/* 3 x 80 texts are two batches. */
static void test_watched(void **unused) {
    const struct vitlrp_prompt prompts[] = {{.text = "bus"}, {.text = "car"}, {.text = "street"}};
    struct watched watched = {0};
    struct vitlrp_model *encoder = open_clip();
    struct vitlrp_model *model = NULL;
    struct vitlrp_text_options options;
    struct vitlrp_error err = {0};
    (void) unused;
    vitlrp_text_options_init(&options);
    options.observer = (struct vitlrp_session_observer){note, ask, &watched};
    assert_int_equal(
        vitlrp_templates("imagenet80", &options.templates, &options.template_count, &err),
        VITLRP_OK);
    assert_int_equal(vitlrp_model_with_texts(encoder, prompts, 3, &options, &model, &err),
                     VITLRP_OK);
    assert_int_equal(watched.done, 241); /* and the empty text */
    assert_int_equal(watched.total, 241);
    vitlrp_model_close(model);
    watched = (struct watched){.ends = 1};
    model = NULL;
    assert_int_equal(vitlrp_model_with_texts(encoder, prompts, 3, &options, &model, &err),
                     VITLRP_CANCELLED);
    assert_null(model);
    vitlrp_model_close(encoder);
}

/* The model's own cosine with an output's text, and with a text without words. */
static void cosines_of(const struct vitlrp_model *model, double *cosines, double *empty) {
    struct vitlrp_session *session = NULL;
    struct vitlrp_model_info info;
    struct vitlrp_error err = {0};
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    size_t pixels = (size_t) 3 * (size_t) info.image_height * (size_t) info.image_width;
    float *input = golden_read("words/clip-quickgelu/input.npy", 3, pixels);
    float *logits = mem_calloc((size_t) info.classes, sizeof *logits);
    float *embedding = mem_calloc((size_t) info.embed_dim, sizeof *embedding);
    assert_int_equal(vitlrp_session_open(model, NULL, &session, &err), VITLRP_OK);
    assert_int_equal(vitlrp_session_forward(session, input, logits, &err), VITLRP_OK);
    assert_int_equal(vitlrp_session_embedding(session, embedding, &err), VITLRP_OK);
    assert_int_equal(vitlrp_model_cosines(model, embedding, cosines, empty, &err), VITLRP_OK);
    for (int32_t i = 0; i < info.classes; i++) {
        assert_true(fabs(info.logit_scale * cosines[i] - (double) logits[i]) < 1e-5);
    }
    mem_free(input);
    mem_free(logits);
    mem_free(embedding);
    vitlrp_session_close(session);
}

/* A contrast is the last class and stands in no template; the empty text is none of the classes. */
static void test_contrast(void **unused) {
    static const char *const TEMPLATES[] = {"a photo of a {}."};
    const struct vitlrp_prompt texts[] = {{.text = "a photo of a bus."}, {.text = ""}};
    const struct vitlrp_prompt prompt = {.text = "bus"};
    struct vitlrp_model *encoder = open_clip();
    struct vitlrp_model *models[2] = {NULL, NULL};
    struct vitlrp_text_options options;
    struct vitlrp_class found;
    struct vitlrp_error err = {0};
    double cosines[2][2];
    double empty[2];
    (void) unused;
    vitlrp_text_options_init(&options);
    assert_int_equal(vitlrp_model_with_texts(encoder, texts, 2, &options, &models[0], &err),
                     VITLRP_OK);
    options.templates = TEMPLATES;
    options.template_count = 1;
    options.contrast = "";
    assert_int_equal(vitlrp_model_with_texts(encoder, &prompt, 1, &options, &models[1], &err),
                     VITLRP_OK);
    assert_int_equal(vitlrp_model_class(models[1], 1, &found, &err), VITLRP_OK);
    assert_string_equal(found.label, "the empty prompt");
    assert_int_equal(vitlrp_model_cosines(encoder, NULL, NULL, NULL, &err), VITLRP_USAGE);
    for (size_t i = 0; i < 2; i++) {
        cosines_of(models[i], cosines[i], &empty[i]);
        assert_true(fabs(empty[i] - cosines[i][1]) < 1e-6);
        assert_true(fabs(cosines[i][0] - cosines[0][0]) < 1e-6);
        vitlrp_model_close(models[i]);
    }
    vitlrp_model_close(encoder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published), cmocka_unit_test(test_written_out),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_watched),
        cmocka_unit_test(test_contrast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
