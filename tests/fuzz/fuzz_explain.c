/* A model of one block whose weights, and whose input, come from the bytes: every call gives finite
 * numbers or says that it cannot, and the session stays usable. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "support/pth_writer.h"
#include "vitlrp.h"

#define DIM 8
#define MLP 16
#define CLASSES 3
#define PATCH 4
#define MAX_INPUT 12

/* Most bytes are modest numbers; some are what breaks arithmetic. */
static float value_of(uint8_t byte) {
    static const float EXTREMES[] = {1e29F, -1e29F, 1e20F, -1e20F, 1e-40F, -1e-40F,
                                     1e4F,  -1e4F,  1e-8F, 0.0F,   -0.0F,  88.0F};
    if (byte < sizeof EXTREMES / sizeof EXTREMES[0]) {
        return EXTREMES[byte];
    }
    return ((float) byte - 128.0F) / 64.0F;
}

/* The checkpoint with fresh weights, the data behind its header. */
static struct bytes make_checkpoint(const struct fuzz_input *input) {
    static struct bytes sound;
    if (sound.data == NULL) {
        struct vit_config config = {.image_height = 2 * PATCH,
                                    .image_width = 2 * PATCH,
                                    .patch_height = PATCH,
                                    .patch_width = PATCH,
                                    .grid_height = 2,
                                    .grid_width = 2,
                                    .prefix = 1,
                                    .dim = DIM,
                                    .depth = 1,
                                    .heads = 2,
                                    .mlp_dim = MLP,
                                    .classes = CLASSES,
                                    .layer_norm_eps = 1e-6F};
        static struct pth_list list;
        pth_timm(&list, &config);
        safetensors_make(&list, "F32", "{\"num_heads\":2}", &sound);
    }
    struct bytes file = {mem_calloc(sound.size, 1), sound.size};
    fuzz_check(file.data != NULL, "no memory");
    memcpy(file.data, sound.data, sound.size);
    size_t start = 8 + (sound.data[0] | (size_t) sound.data[1] << 8);
    for (size_t i = 0; start + 4 * i + 4 <= sound.size && input->size > 0; i++) {
        float value = value_of(input->data[i % input->size]);
        memcpy(file.data + start + 4 * i, &value, sizeof value);
    }
    return file;
}

static void check_finite(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fuzz_check(isfinite(values[i]), "a number that is not finite");
    }
}

static void check_numeric(enum vitlrp_status status, const struct vitlrp_error *error) {
    fuzz_check(status == VITLRP_NUMERIC, error->message);
}

/* Gammas and epsilon: 0, small, huge, infinite. */
static float take_gamma(struct fuzz_input *input) {
    static const float GAMMAS[] = {0.0F, 0.05F, 0.25F, 1.0F, 100.0F, 1e30F, 3.4e38F, 1e-38F};
    uint8_t byte = fuzz_byte(input) % 9;
    return byte == 8 ? INFINITY : GAMMAS[byte];
}

static void explain(struct fuzz_input *input, const struct vitlrp_model *model,
                    struct vitlrp_session *session, size_t pixels) {
    static const char *const PRESETS[] = {"attnlrp", "cp-lrp", "attnlrp-eps"};
    struct vitlrp_method_options method;
    struct vitlrp_relevance relevance;
    struct vitlrp_ledger_entry ledger[64];
    struct vitlrp_error error;
    float map[3 * MAX_INPUT * MAX_INPUT];
    float patches[MAX_INPUT * MAX_INPUT];
    struct vitlrp_target targets[2] = {{fuzz_byte(input) % CLASSES, 1.0F},
                                       {fuzz_byte(input) % CLASSES, -1.0F}};
    fuzz_check(vitlrp_method_options_init(&method, PRESETS[fuzz_byte(input) % 3], NULL) ==
                   VITLRP_OK,
               "a preset is missing");
    method.rules.gamma[VITLRP_ROLE_CONV] = take_gamma(input);
    method.rules.gamma[VITLRP_ROLE_QKV] = take_gamma(input);
    method.rules.gamma[VITLRP_ROLE_FC1] = take_gamma(input);
    method.rules.epsilon = fuzz_byte(input) % 4 == 0 ? 1e-6F : 0.0F;
    vitlrp_relevance_init(&relevance);
    relevance.pixels = map;
    relevance.patches = patches;
    fuzz_check(vitlrp_ledger_length(model) <= 64, "a longer ledger");
    relevance.ledger = ledger;
    size_t count = 1 + fuzz_byte(input) % 2;
    enum vitlrp_status status =
        vitlrp_session_attribute(session, targets, count, &method, &relevance, &error);
    if (status != VITLRP_OK) {
        check_numeric(status, &error);
        return;
    }
    check_finite(map, 3 * pixels);
    check_finite(patches, pixels / (PATCH * PATCH));
    fuzz_check(isfinite(relevance.sum) && isfinite(relevance.explained), "a sum without sense");
}

static void attribute(struct fuzz_input *input, struct vitlrp_session *session, const char *method,
                      size_t pixels) {
    struct vitlrp_method_options options;
    struct vitlrp_relevance relevance;
    struct vitlrp_error error;
    struct vitlrp_target target = {fuzz_byte(input) % CLASSES, 1.0F};
    float patches[MAX_INPUT * MAX_INPUT];
    fuzz_check(vitlrp_method_options_init(&options, method, NULL) == VITLRP_OK, "no method");
    options.samples = 3;
    options.noise = (double) (fuzz_byte(input) % 4) / 4.0;
    options.discard_ratio = (double) (fuzz_byte(input) % 16) / 16.0;
    options.head_fusion = (enum vitlrp_head_fusion)(fuzz_byte(input) % 3);
    vitlrp_relevance_init(&relevance);
    relevance.patches = patches;
    enum vitlrp_status status =
        vitlrp_session_attribute(session, &target, 1, &options, &relevance, &error);
    /* Methods of removal have nothing to take from an input of one patch. */
    bool is_refused = pixels == (size_t) PATCH * PATCH && status == VITLRP_UNSUPPORTED;
    if (status != VITLRP_OK) {
        if (!is_refused) {
            check_numeric(status, &error);
        }
        return;
    }
    check_finite(patches, pixels / (PATCH * PATCH));
}

static void run(struct fuzz_input *input, const struct vitlrp_model *model) {
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    struct vitlrp_error error;
    float pixels[3 * MAX_INPUT * MAX_INPUT];
    float logits[CLASSES];
    uint8_t shape = fuzz_byte(input);
    vitlrp_session_options_init(&options);
    options.threads = 1;
    options.backend = "openblas";
    options.input_height = (1 + shape % 3) * PATCH;
    options.input_width = (1 + shape / 3 % 3) * PATCH;
    options.keep_all_tokens = shape >> 7;
    options.attributions = 1 + (shape >> 6 & 1);
    char names[120]; /* of what explain() asks for, and the method */
    const char *method = vitlrp_method_name(fuzz_byte(input) % vitlrp_method_count());
    struct vitlrp_method_info info;
    vitlrp_method_info_init(&info);
    fuzz_check(vitlrp_method_describe(method, &info, NULL) == VITLRP_OK, "no method");
    snprintf(names, sizeof names, "attnlrp,cp-lrp,attnlrp-eps,%s", method);
    options.methods = info.has_ledger ? names : method;
    enum vitlrp_status status = vitlrp_session_open(model, &options, &session, &error);
    fuzz_check(status == VITLRP_OK || status == VITLRP_NUMERIC, error.message);
    if (status != VITLRP_OK) {
        return;
    }
    size_t count = (size_t) options.input_height * (size_t) options.input_width;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < 3 * count; i++) {
            pixels[i] = pass == 1 || input->size == 0
                            ? 0.5F
                            : value_of(input->data[input->size - 1 - i % input->size]);
        }
        status = vitlrp_session_forward(session, pixels, logits, &error);
        if (status != VITLRP_OK) {
            check_numeric(status, &error);
            continue;
        }
        check_finite(logits, CLASSES);
        attribute(input, session, method, count);
        if (info.has_ledger) {
            explain(input, model, session, count);
        }
    }
    vitlrp_session_close(session);
}

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    struct bytes file = make_checkpoint(&input);
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    if (vitlrp_model_open_memory(file.data, file.size, "fuzz", NULL, &model, &error) == VITLRP_OK) {
        run(&input, model);
        vitlrp_model_close(model);
    } else {
        check_numeric(error.status, &error);
    }
    bytes_free(&file);
}
