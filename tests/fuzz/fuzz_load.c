#include "fuzz/fuzz_load.h"

#include <string.h>
#include <zlib.h>

#include "api/handles.h"
#include "base/mem.h"
#include "vit/model/weights.h"

#define LOCAL_SIZE ((size_t) 30)
#define CENTRAL_SIZE ((size_t) 46)
#define END_SIZE ((size_t) 22)

static void touch_weights(const struct vit_model *model) {
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        struct slot_size size = slot_size(&model->config, slot);
        for (size_t block = 0; block < slot_repeats(&model->config, slot); block++) {
            fuzz_touch(slot_data(model, slot, block), size.rows * size.columns * sizeof(float));
        }
    }
}

void fuzz_look(const struct vitlrp_model *model) {
    struct vitlrp_model_info info;
    struct vitlrp_preprocess preprocess;
    struct vitlrp_class found;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    fuzz_check(info.dim > 0 && info.heads > 0 && info.dim % info.heads == 0, "strange heads");
    touch_weights(model->vit);
    vitlrp_model_preprocess(model, &preprocess);
    fuzz_touch(&preprocess, sizeof preprocess.mean);
    for (int32_t i = 0; i < info.classes && i < 1000; i++) {
        fuzz_check(vitlrp_model_class(model, i, &found, NULL) == VITLRP_OK, "an unknown class");
        fuzz_touch(found.label, strlen(found.label));
    }
}

/* The text tower of the same bytes. */
static void load_text(const struct fuzz_input *input, const struct vitlrp_model_limits *limits,
                      int32_t heads) {
    const struct vit_load_options options = {
        .text = true, .text_heads = heads, .activation = VITLRP_GELU, .limits = limits};
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    enum vitlrp_status status =
        vit_model_load_memory(input->data, input->size, "fuzz", &options, &model, &err);
    if (status != VITLRP_OK) {
        fuzz_check(model == NULL, "a text tower after a failure");
        fuzz_check_failure(status, &err);
        return;
    }
    fuzz_check(model->config.vocabulary > 0 && model->config.grid_width > 1, "no words");
    touch_weights(model);
    vit_model_free(model);
}

void fuzz_load(const struct fuzz_input *input, int32_t heads) {
    struct vitlrp_model_options options;
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    struct vitlrp_error err = {0};
    vitlrp_model_options_init(&options);
    options.limits.max_bytes = (uint64_t) 16 << 20;
    options.limits.max_json_bytes = (size_t) 16 << 20;
    options.limits.max_pickle_opcodes = 100000; /* each may take 150 bytes */
    options.heads = heads;
    load_text(input, &options.limits, heads);
    enum vitlrp_status status =
        vitlrp_model_open_memory(input->data, input->size, "fuzz", &options, &model, &error);
    if (status != VITLRP_OK) {
        fuzz_check(model == NULL, "a model after a failure");
        err.status = (enum vitlrp_status) error.status;
        memcpy(err.message, error.message, sizeof err.message);
        fuzz_check_failure((enum vitlrp_status) status, &err);
        return;
    }
    fuzz_look(model);
    vitlrp_model_close(model);
}

static uint32_t get32(const uint8_t *at) {
    return (uint32_t) at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16 |
           (uint32_t) at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t) (value >> 8 * i);
    }
}

static void put16(uint8_t *at, size_t value) {
    at[0] = (uint8_t) value;
    at[1] = (uint8_t) (value >> 8);
}

static void repair_zip(uint8_t *data, size_t size) {
    for (size_t at = 0; at + CENTRAL_SIZE <= size; at++) {
        uint8_t *central = data + at;
        size_t local = get32(central + 42);
        size_t stored = get32(central + 20);
        if (memcmp(central, "PK\1\2", 4) != 0 || size < LOCAL_SIZE || local > size - LOCAL_SIZE) {
            continue;
        }
        uint8_t *header = data + local;
        size_t start = local + LOCAL_SIZE + (header[26] | (size_t) header[27] << 8) +
                       (header[28] | (size_t) header[29] << 8);
        if (memcmp(header, "PK\3\4", 4) != 0 || start > size || stored > size - start) {
            continue;
        }
        uint32_t crc = (uint32_t) crc32(0, data + start, (uInt) stored);
        put32(central + 16, crc);
        put32(header + 14, crc);
    }
}

void fuzz_load_repaired(const struct fuzz_input *input, int32_t heads) {
    uint8_t *copy = mem_calloc(input->size, 1);
    fuzz_check(copy != NULL, "no memory");
    memcpy(copy, input->data, input->size);
    repair_zip(copy, input->size);
    fuzz_load(&(struct fuzz_input){copy, input->size}, heads);
    mem_free(copy);
}

/* What the local and the central record have in common, from "version needed" on. */
static void put_record(uint8_t *at, const struct fuzz_part *part) {
    put16(at, 20);
    put32(at + 10, (uint32_t) crc32(0, part->data, (uInt) part->size));
    put32(at + 14, (uint32_t) part->size);
    put32(at + 18, (uint32_t) part->size);
    put16(at + 22, strlen(part->name));
}

uint8_t *fuzz_make_zip(const struct fuzz_part *parts, size_t count, size_t *size) {
    size_t total = END_SIZE;
    for (size_t i = 0; i < count; i++) {
        total += LOCAL_SIZE + CENTRAL_SIZE + 2 * strlen(parts[i].name) + parts[i].size;
    }
    uint8_t *file = mem_calloc(total, 1);
    fuzz_check(file != NULL, "no memory");
    size_t offsets[8] = {0};
    uint8_t *next = file;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(parts[i].name);
        offsets[i] = (size_t) (next - file);
        memcpy(next, "PK\3\4", 4);
        put_record(next + 4, &parts[i]);
        memcpy(next + LOCAL_SIZE, parts[i].name, length);
        memcpy(next + LOCAL_SIZE + length, parts[i].data, parts[i].size);
        next += LOCAL_SIZE + length + parts[i].size;
    }
    uint8_t *directory = next;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(parts[i].name);
        memcpy(next, "PK\1\2", 4);
        put_record(next + 6, &parts[i]);
        put32(next + 42, (uint32_t) offsets[i]);
        memcpy(next + CENTRAL_SIZE, parts[i].name, length);
        next += CENTRAL_SIZE + length;
    }
    memcpy(next, "PK\5\6", 4);
    put16(next + 8, count);
    put16(next + 10, count);
    put32(next + 12, (uint32_t) (next - directory));
    put32(next + 16, (uint32_t) (directory - file));
    *size = total;
    return file;
}
