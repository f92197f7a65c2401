/* Files beside weights: what they state about a sound model. The last byte says which model, and as
 * which of its files the others are read; where there are two files, each gets a half. A model that
 * opens is also run: whatever was stated, it is one that can be computed. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuzz/fuzz_load.h"
#include "vitlrp.h"

#define GOLDEN TEST_DATA "/golden/"
#define MAX_SIDE 64
#define DIM 24 /* of timm-plain */
#define RANK 2

/* The names in the model's folder; NULL: there is no second file. */
struct kind {
    const char *weights;
    const char *first, *second;
};

#define HF_PARITY "parity/huggingface/model.safetensors"
#define ZOO(name) "zoo/" name "/model/model.safetensors"

static const struct kind KINDS[] = {
    {HF_PARITY, "config.json", NULL},
    {HF_PARITY, "config.json", "preprocessor_config.json"},
    {HF_PARITY, "preprocessor_config.json", "processor_config.json"},
    {ZOO("timm-plain"), "config.json", NULL},
    {ZOO("timm-beit"), "config.json", NULL},
    {ZOO("timm-eva02-base"), "config.json", NULL},
    {ZOO("timm-dinov3"), "config.json", NULL},
    {ZOO("timm-siglip-map"), "config.json", NULL},
    {ZOO("hf-beit"), "config.json", NULL},
    {ZOO("hf-dinov3"), "config.json", NULL},
    {ZOO("hf-siglip-vision"), "config.json", NULL},
    {ZOO("hf-clip-classifier"), "config.json", NULL},
    {ZOO("hf-aimv2-head"), "config.json", NULL},
    {"zoo/open-clip-tower/model/open_clip_pytorch_model.bin", "open_clip_config.json", NULL},
    {ZOO("timm-plain"), "adapter_config.json", NULL}, /* read as an adapter, too */
    {ZOO("hf-dinov2-swiglu"), "config.json", NULL},
};
#define KIND_COUNT (sizeof KINDS / sizeof KINDS[0])
#define ADAPTER 14

static char folders[KIND_COUNT][32]; /* made when they are needed; "": not yet */

static const char *weights_name(const struct kind *kind) {
    return strrchr(kind->weights, '/') + 1;
}

static void remove_folders(void) {
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const char *names[] = {weights_name(&KINDS[i]), KINDS[i].first, KINDS[i].second,
                               "adapter_model.safetensors"};
        char path[1024];
        for (size_t k = 0; folders[i][0] != '\0' && k < sizeof names / sizeof names[0]; k++) {
            snprintf(path, sizeof path, "%s/%s", folders[i], names[k] == NULL ? "" : names[k]);
            unlink(path);
        }
        rmdir(folders[i]);
    }
}

static void make_link(const char *folder, const char *name, const char *target) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    fuzz_check(symlink(target, path) == 0, "no link");
}

/* Two matrices for a layer of timm-plain's. */
static void make_adapter(const char *folder) {
    static const char NAME[] = "base_model.model.blocks.0.attn.proj.lora_";
    float numbers[2 * RANK * DIM];
    char path[1024];
    char header[512];
    int length =
        snprintf(header, sizeof header,
                 "{\"%sA.weight\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":"
                 "[0,%d]},\"%sB.weight\":{\"dtype\":\"F32\",\"shape\":[%d,%d],"
                 "\"data_offsets\":[%d,%d]}}",
                 NAME, RANK, DIM, 4 * RANK * DIM, NAME, DIM, RANK, 4 * RANK * DIM, 8 * RANK * DIM);
    const uint8_t size[8] = {(uint8_t) length, (uint8_t) (length >> 8)};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        numbers[i] = (float) (i % 7) / 8.0F - 0.5F;
    }
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
    FILE *file = fopen(path, "wb");
    fuzz_check(file != NULL, "no file");
    bool written = fwrite(size, sizeof size, 1, file) == 1 &&
                   fwrite(header, (size_t) length, 1, file) == 1 &&
                   fwrite(numbers, sizeof numbers, 1, file) == 1;
    fuzz_check(fclose(file) == 0 && written, "no room for a file");
}

/* The model's folder, its files beside the weights being those of fuzz_file. */
static const char *open_folder(size_t number, const char *first, const char *second) {
    const struct kind *kind = &KINDS[number];
    char *folder = folders[number];
    char target[256];
    static bool registered;
    if (folder[0] != '\0') {
        return folder;
    }
    if (!registered) {
        atexit(remove_folders);
        registered = true;
    }
    snprintf(folder, sizeof folders[number], "/tmp/vitlrp-fuzz-XXXXXX");
    fuzz_check(mkdtemp(folder) != NULL, "no folder");
    snprintf(target, sizeof target, GOLDEN "%s", kind->weights);
    make_link(folder, weights_name(kind), target);
    make_link(folder, kind->first, first);
    if (kind->second != NULL) {
        make_link(folder, kind->second, second);
    }
    if (number == ADAPTER) {
        make_adapter(folder);
    }
    return folder;
}

static void touch_facts(const struct vitlrp_model *model) {
    struct vitlrp_model_info info;
    struct vitlrp_fact fact;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    for (size_t i = 0; i < info.facts; i++) {
        fuzz_check(vitlrp_model_fact(model, i, &fact, NULL) == VITLRP_OK, "a fact is missing");
        const char *texts[] = {fact.name, fact.title, fact.value, fact.origin};
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            fuzz_check(texts[k] != NULL, "a fact without a text");
            fuzz_touch(texts[k], strlen(texts[k]));
        }
    }
}

/* An explanation at the model's own size. */
static void explain(const struct vitlrp_model *model) {
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    struct vitlrp_model_info info;
    struct vitlrp_relevance relevance;
    struct vitlrp_method_options method;
    struct vitlrp_target target = {0, 1.0F};
    float input[3 * MAX_SIDE * MAX_SIDE];
    float map[3 * MAX_SIDE * MAX_SIDE];
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    if (info.image_height > MAX_SIDE || info.image_width > MAX_SIDE) {
        return;
    }
    for (size_t i = 0; i < sizeof input / sizeof input[0]; i++) {
        input[i] = (float) (i % 13) / 8.0F - 0.75F;
    }
    vitlrp_session_options_init(&options);
    options.threads = 1;
    options.backend = "openblas";
    float *logits = mem_calloc((size_t) info.classes, sizeof *logits);
    fuzz_check(logits != NULL, "no memory");
    enum vitlrp_status status = vitlrp_session_open(model, &options, &session, NULL);
    fuzz_check(status == VITLRP_OK, "no session of a model");
    status = vitlrp_session_forward(session, input, logits, NULL);
    fuzz_check(status == VITLRP_OK || status == VITLRP_NUMERIC, "a model cannot be computed");
    vitlrp_relevance_init(&relevance);
    relevance.pixels = map;
    fuzz_check(vitlrp_method_options_init(&method, "attnlrp", NULL) == VITLRP_OK, "no method");
    if (status == VITLRP_OK) {
        fuzz_touch(logits, (size_t) info.classes * sizeof *logits);
        status = vitlrp_session_attribute(session, &target, 1, &method, &relevance, NULL);
        fuzz_check(status == VITLRP_OK || status == VITLRP_NUMERIC, "a model is not explained");
    }
    mem_free(logits);
    vitlrp_session_close(session);
}

/* JSON may take 84 times its size, and there is another in a half of it. */
const struct bounds FUZZ_BOUNDS = {.bytes_per_byte = 88};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    size_t number = fuzz_byte(&input) % KIND_COUNT;
    size_t split = KINDS[number].second != NULL ? input.size / 2 : input.size;
    const struct fuzz_input first = {input.data, split};
    const struct fuzz_input second = {input.data + split, input.size - split};
    struct vitlrp_model_options options;
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    struct vitlrp_error err = {0};
    const char *one = fuzz_file(&first, 0);
    const char *folder = open_folder(number, one, fuzz_file(&second, 1));
    vitlrp_model_options_init(&options);
    options.limits.max_tokens = 300;
    options.adapter_path = number == ADAPTER ? folder : NULL;
    enum vitlrp_status status = vitlrp_model_open(folder, &options, &model, &error);
    if (status != VITLRP_OK) {
        fuzz_check(model == NULL, "a model after a failure");
        err.status = error.status;
        memcpy(err.message, error.message, sizeof err.message);
        fuzz_check_failure(status, &err);
        return;
    }
    fuzz_look(model);
    touch_facts(model);
    explain(model);
    vitlrp_model_close(model);
}
