/* A program against the library, compiled twice: with today's headers, and with grown ones (GROWN),
 * whose records with a struct_size have one more field. It calls every function that takes such a
 * record. Behind each record lie bytes that nobody may write.
 *
 * usage: growth_program FOLDER works|refused    FOLDER has photographs; "refused": the library is
 * older than the program, and says so with both sizes */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/small_model.h"
#include "vitlrp_eval.h"

#define GUARD 64
#define GUARD_BYTE 0xA5

static bool refused; /* every record must be */
static int failures;

/* A record between its size and the bytes behind it. */
#define GUARDED(type)                                                                              \
    struct {                                                                                       \
        struct type record;                                                                        \
        unsigned char behind[GUARD];                                                               \
    }

#define BEGIN(guarded) memset(&(guarded), GUARD_BYTE, sizeof(guarded))

static void expect(bool good, const char *what) {
    if (!good) {
        printf("%s\n", what);
        failures++;
    }
}

static void expect_guard(const unsigned char *behind, const char *what) {
    for (size_t i = 0; i < GUARD; i++) {
        if (behind[i] != GUARD_BYTE) {
            printf("%s: byte %zu behind the record was written\n", what, i);
            failures++;
            return;
        }
    }
}

/* A call with a record of `size` bytes: it works, or is refused with both sizes. */
static void expect_call(enum vitlrp_status status, const struct vitlrp_error *error, size_t size,
                        const char *what) {
    char known[32];
    char mine[32];
    if (!refused) {
        if (status != VITLRP_OK) {
            printf("%s: %s\n", what, error->message);
            failures++;
        }
        return;
    }
    snprintf(mine, sizeof mine, " %zu bytes", size);
    snprintf(known, sizeof known, " %zu:", size - sizeof(int64_t));
    if (status != VITLRP_USAGE || strstr(error->message, mine) == NULL ||
        strstr(error->message, known) == NULL) {
        printf("%s: status %d, %s\n", what, (int) status, error->message);
        failures++;
    }
}

#define EXPECT_CALL(call, guarded, what)                                                           \
    do {                                                                                           \
        enum vitlrp_status called = (call);                                                        \
        expect_call(called, &error, sizeof(guarded).record, what);                                 \
        expect((guarded).record.struct_size == sizeof(guarded).record, what ": struct_size");      \
        expect_guard((guarded).behind, what);                                                      \
    } while (0)

#ifdef GROWN
#define EXPECT_NEW_FIELD(guarded, what)                                                            \
    expect((guarded).record.added_later == 0, what ": the new field is not 0")
#else
#define EXPECT_NEW_FIELD(guarded, what) (void) 0
#endif

/* What a function without a status has described. */
#define EXPECT_DESCRIBED(guarded, condition, what)                                                 \
    do {                                                                                           \
        expect(condition, what ": a field");                                                       \
        expect((guarded).record.struct_size == sizeof(guarded).record, what ": struct_size");      \
        EXPECT_NEW_FIELD(guarded, what);                                                           \
        expect_guard((guarded).behind, what);                                                      \
    } while (0)

static struct vitlrp_error error;

static void use_models(struct vitlrp_model **model) {
    GUARDED(vitlrp_model_options) options;
    GUARDED(vitlrp_model_info) info;
    GUARDED(vitlrp_architecture) shape;
    struct vitlrp_model *made = NULL;
    BEGIN(options);
    vitlrp_model_options_init(&options.record);
    EXPECT_NEW_FIELD(options, "model options");
    EXPECT_CALL(vitlrp_model_open_builtin(&options.record, &made, &error), options,
                "model options");
    vitlrp_model_close(made);
    made = NULL;
    BEGIN(shape);
    vitlrp_architecture_init(&shape.record);
    shape.record.image_size = shape.record.patch_size = 8;
    shape.record.dim = shape.record.mlp_dim = 16;
    shape.record.depth = shape.record.heads = 1;
    shape.record.classes = 3;
    EXPECT_CALL(vitlrp_model_random(&shape.record, &made, &error), shape, "architecture");
    vitlrp_model_close(made);
    expect(vitlrp_model_open(SMALL_MODEL, NULL, model, &error) == VITLRP_OK, "small model");
    BEGIN(info);
    vitlrp_model_info_init(&info.record);
    vitlrp_model_describe(*model, &info.record);
    EXPECT_DESCRIBED(info, info.record.classes == 200 && info.record.weight_bytes > 0,
                     "model info");
}

static void use_methods(struct vitlrp_session *session) {
    GUARDED(vitlrp_method_info) info;
    GUARDED(vitlrp_method_options) options;
    GUARDED(vitlrp_relevance) relevance;
    struct vitlrp_method_options *as_compiled = &options.record;
    const struct vitlrp_target target = {3, 1.0F};
    BEGIN(info);
    vitlrp_method_info_init(&info.record);
    EXPECT_CALL(vitlrp_method_describe("attnlrp", &info.record, &error), info, "method info");
    BEGIN(options);
    expect(vitlrp_method_options_init(as_compiled, "attnlrp", &error) == VITLRP_OK &&
               options.record.rules.gamma[VITLRP_ROLE_CONV] == 0.25F,
           "defaults of a method");
    EXPECT_NEW_FIELD(options, "method options");
    expect_guard(options.behind, "method options");
    BEGIN(relevance);
    vitlrp_relevance_init(&relevance.record);
    EXPECT_CALL(
        vitlrp_session_attribute(session, &target, 1, as_compiled, &relevance.record, &error),
        relevance, "relevance");
    expect(refused || relevance.record.explained != 0.0, "nothing was explained");
}

static void use_sessions(const struct vitlrp_model *model) {
    GUARDED(vitlrp_session_options) options;
    GUARDED(vitlrp_session_info) info;
    GUARDED(vitlrp_profile) profile;
    struct vitlrp_session *session = NULL;
    size_t bytes = 0;
    BEGIN(options);
    vitlrp_session_options_init(&options.record);
    EXPECT_CALL(vitlrp_session_bytes(model, &options.record, &bytes, &error), options,
                "session options");
    options.record.threads = 1;
    EXPECT_CALL(vitlrp_session_open(model, &options.record, &session, &error), options,
                "session options");
    vitlrp_session_close(session);
    expect(vitlrp_session_open(model, NULL, &session, &error) == VITLRP_OK, "session");
    BEGIN(info);
    vitlrp_session_info_init(&info.record);
    vitlrp_session_describe(session, &info.record);
    EXPECT_DESCRIBED(info, info.record.tokens == 65, "session info");
    float *input = calloc((size_t) 3 * 64 * 64, sizeof *input);
    expect(input != NULL && vitlrp_session_forward(session, input, NULL, &error) == VITLRP_OK,
           "forward pass");
    free(input);
    use_methods(session);
    BEGIN(profile);
    vitlrp_profile_init(&profile.record);
    EXPECT_CALL(vitlrp_session_profile(session, &profile.record, &error), profile, "profile");
    vitlrp_session_close(session);
}

static void use_images(const char *folder) {
    GUARDED(vitlrp_image_options) options;
    GUARDED(vitlrp_render_options) look;
    struct vitlrp_image *image = NULL;
    const struct vitlrp_geometry geometry = {2, 2, 2, 2, 0.0, 0.0, 2.0, 2.0};
    const float values[4] = {1.0F, 0.0F, 0.0F, -1.0F};
    const struct vitlrp_map map = {values, 2, 2, &geometry};
    const unsigned char rgb[12] = {0};
    unsigned char *data = NULL;
    size_t size = 0;
    char path[512];
    snprintf(path, sizeof path, "%s/goldfish.jpg", folder);
    BEGIN(options);
    vitlrp_image_options_init(&options.record);
    EXPECT_NEW_FIELD(options, "image options");
    EXPECT_CALL(vitlrp_image_open(path, &options.record, &image, &error), options, "image options");
    vitlrp_image_close(image);
    expect(vitlrp_image_from_rgb(rgb, 2, 2, &image, &error) == VITLRP_OK, "image");
    BEGIN(look);
    vitlrp_render_options_init(&look.record);
    EXPECT_CALL(vitlrp_render(image, &map, &look.record, &data, &size, &error), look,
                "render options");
    vitlrp_free(data);
    vitlrp_image_close(image);
}

static void use_datasets(const struct vitlrp_model *model, const char *folder) {
    GUARDED(vitlrp_dataset_options) options;
    GUARDED(vitlrp_dataset_info) info;
    struct vitlrp_dataset *dataset = NULL;
    BEGIN(options);
    vitlrp_dataset_options_init(&options.record);
    options.record.path = folder;
    EXPECT_CALL(vitlrp_dataset_open(model, &options.record, &dataset, &error), options,
                "dataset options");
    BEGIN(info);
    vitlrp_dataset_info_init(&info.record);
    vitlrp_dataset_describe(dataset, &info.record);
    EXPECT_DESCRIBED(info, refused || info.record.images > 1, "dataset info");
    vitlrp_dataset_close(dataset);
}

static void use_curves(const struct vitlrp_model *model) {
    GUARDED(vitlrp_curves) curves;
    float *input = calloc((size_t) 3 * 64 * 64, sizeof *input); /* room for the patches too */
    BEGIN(curves);
    vitlrp_curves_init(&curves.record);
    curves.record.steps = curves.record.threads = 1;
    expect(input != NULL, "out of memory");
    EXPECT_CALL(vitlrp_curves_measure(model, input, input, &curves.record, &error), curves,
                "curves of a map");
    expect(refused || curves.record.forwards > 0, "no curve was measured");
    free(input);
}

static void use_evaluations(const struct vitlrp_model *model, const char *folder) {
    static const char *const METHODS[] = {"random"};
    static const char *const TUNED[] = {"attnlrp"};
    GUARDED(vitlrp_eval_options) options;
    GUARDED(vitlrp_evaluation_info) info;
    GUARDED(vitlrp_tune_options) tune;
    GUARDED(vitlrp_tune_result) tuned;
    GUARDED(vitlrp_eval_cost) cost;
    struct vitlrp_evaluation *evaluation = NULL;
    BEGIN(options);
    vitlrp_eval_options_init(&options.record);
    options.record.dataset = folder;
    options.record.methods = METHODS;
    options.record.method_count = 1;
    options.record.limit = 2;
    options.record.steps = options.record.threads = 1;
    EXPECT_CALL(vitlrp_evaluate(model, &options.record, &evaluation, &error), options,
                "evaluation options");
    BEGIN(info);
    vitlrp_evaluation_info_init(&info.record);
    vitlrp_evaluation_describe(evaluation, &info.record);
    EXPECT_DESCRIBED(info, refused || info.record.images == 2, "evaluation info");
    vitlrp_evaluation_close(evaluation);
    BEGIN(tune);
    BEGIN(tuned);
    vitlrp_tune_options_init(&tune.record);
    vitlrp_tune_result_init(&tuned.record);
    options.record.methods = TUNED;
    tune.record.evaluation = &options.record;
    EXPECT_CALL(vitlrp_tune(model, &tune.record, &tuned.record, &error), tune, "tuning options");
    expect(refused || tuned.record.trials > 1, "nothing was tuned");
    expect_guard(tuned.behind, "tuning result");
    BEGIN(cost);
    vitlrp_eval_cost_init(&cost.record);
    cost.record.images = cost.record.methods = cost.record.steps = cost.record.threads = 1;
    EXPECT_CALL(vitlrp_eval_measure(model, &cost.record, &error), cost, "evaluation cost");
    expect(refused || cost.record.points > 0, "nothing was measured");
}

int main(int argc, char **argv) {
    struct vitlrp_model *model = NULL;
    if (argc != 3) {
        return 2;
    }
    refused = strcmp(argv[2], "refused") == 0;
    use_models(&model);
    use_sessions(model);
    use_images(argv[1]);
    use_datasets(model, argv[1]);
    use_curves(model);
    use_evaluations(model, argv[1]);
    vitlrp_model_close(model);
    printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
