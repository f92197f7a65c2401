/* The writers of pth_writer.h. Formats: PyTorch's inline_container and pickle protocol 2; PKWARE's
 * APPNOTE; safetensors; NEP 1. */
#define _POSIX_C_SOURCE 200809L
#include "support/pth_writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/json.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "base/text.h"

#include "support/unit.h"

#define STEP 4096 /* elements made at a time */

/* ---- Lists of tensors */

float pth_value(const char *name, size_t position) {
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (const char *next = name; *next != '\0'; next++) {
        hash = (hash ^ (unsigned char) *next) * 16777619U;
    }
    hash = (hash ^ (uint32_t) position) * 2654435761U;
    return (float) (int32_t) ((hash >> 16 & 0xFF) - 128) / 1024.0F;
}

void pth_add(struct pth_list *list, const char *name, size_t a, size_t b, size_t c, size_t d) {
    size_t shape[4] = {a, b, c, d};
    assert_true(list->count < PTH_MAX_TENSORS);
    struct pth_tensor *tensor = &list->items[list->count++];
    *tensor = (struct pth_tensor){0};
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    while (tensor->rank < 4 && shape[tensor->rank] != 0) {
        tensor->shape[tensor->rank] = shape[tensor->rank];
        tensor->rank++;
    }
}

static struct pth_tensor *find(struct pth_list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    fail_msg("no tensor %s", name);
    return NULL;
}

void pth_remove(struct pth_list *list, const char *name) {
    struct pth_tensor *tensor = find(list, name);
    size_t behind = list->count - (size_t) (tensor - list->items) - 1;
    memmove(tensor, tensor + 1, behind * sizeof *tensor);
    list->count--;
}

void pth_reshape(struct pth_list *list, const char *name, size_t a, size_t b, size_t c, size_t d) {
    struct pth_list scratch = {.count = 0};
    pth_add(&scratch, name, a, b, c, d);
    *find(list, name) = scratch.items[0];
}

void pth_prefix(struct pth_list *list, const char *prefix) {
    for (size_t i = 0; i < list->count; i++) {
        char name[sizeof list->items[i].name];
        snprintf(name, sizeof name, "%s%.60s", prefix, list->items[i].name);
        memcpy(list->items[i].name, name, sizeof name);
    }
}

/* weight [rows, columns] and bias [rows] of a layer, or of a norm if columns is 0. */
static void add_pair(struct pth_list *list, const char *layer, size_t rows, size_t columns) {
    char name[96];
    snprintf(name, sizeof name, "%s.weight", layer);
    pth_add(list, name, rows, columns, 0, 0);
    snprintf(name, sizeof name, "%s.bias", layer);
    pth_add(list, name, rows, 0, 0, 0);
}

/* Names of a layout: those outside the blocks, and those inside behind the blocks' prefix. */
struct naming {
    const char *patch, *cls, *position, *norm, *head, *block;
    const char *norm1, *qkv_weight, *qkv_bias, *proj, *norm2, *fc1, *fc2;
};

static void add_block(struct pth_list *list, const struct naming *naming, size_t block, size_t dim,
                      size_t mlp) {
    const struct {
        const char *name;
        size_t rows, columns;
    } pairs[] = {{naming->norm1, dim, 0},
                 {naming->proj, dim, dim},
                 {naming->norm2, dim, 0},
                 {naming->fc1, mlp, dim},
                 {naming->fc2, dim, mlp}};
    char prefix[64];
    char name[96];
    snprintf(prefix, sizeof prefix, "%s%zu.", naming->block, block);
    for (size_t i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "%s%.24s", prefix, pairs[i].name);
        add_pair(list, name, pairs[i].rows, pairs[i].columns);
    }
    snprintf(name, sizeof name, "%s%.30s", prefix, naming->qkv_weight);
    pth_add(list, name, 3 * dim, dim, 0, 0);
    snprintf(name, sizeof name, "%s%.30s", prefix, naming->qkv_bias);
    pth_add(list, name, 3 * dim, 0, 0, 0);
}

static void add_model(struct pth_list *list, const struct naming *naming,
                      const struct vit_config *config) {
    size_t dim = (size_t) config->dim;
    size_t tokens = 1 + (size_t) config->grid_height * (size_t) config->grid_width;
    char name[96];
    list->count = 0;
    pth_add(list, naming->cls, 1, 1, dim, 0);
    pth_add(list, naming->position, 1, tokens, dim, 0);
    snprintf(name, sizeof name, "%s.weight", naming->patch);
    pth_add(list, name, dim, 3, (size_t) config->patch_height, (size_t) config->patch_width);
    snprintf(name, sizeof name, "%s.bias", naming->patch);
    pth_add(list, name, dim, 0, 0, 0);
    for (size_t block = 0; block < (size_t) config->depth; block++) {
        add_block(list, naming, block, dim, (size_t) config->mlp_dim);
    }
    add_pair(list, naming->norm, dim, 0);
    add_pair(list, naming->head, (size_t) config->classes, dim);
}

void pth_torchvision(struct pth_list *list, const struct vit_config *config) {
    static const struct naming naming = {"conv_proj",
                                         "class_token",
                                         "encoder.pos_embedding",
                                         "encoder.ln",
                                         "heads.head",
                                         "encoder.layers.encoder_layer_",
                                         "ln_1",
                                         "self_attention.in_proj_weight",
                                         "self_attention.in_proj_bias",
                                         "self_attention.out_proj",
                                         "ln_2",
                                         "mlp.0",
                                         "mlp.3"};
    add_model(list, &naming, config);
}

void pth_timm(struct pth_list *list, const struct vit_config *config) {
    static const struct naming naming = {
        "patch_embed.proj", "cls_token",     "pos_embed", "norm",  "head",    "blocks.", "norm1",
        "attn.qkv.weight",  "attn.qkv.bias", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"};
    add_model(list, &naming, config);
}

static size_t element_count(const struct pth_tensor *tensor) {
    size_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i];
    }
    return count;
}

static float element(const struct pth_tensor *tensor, size_t position) {
    return tensor->data != NULL ? tensor->data[position] : pth_value(tensor->name, position);
}

/* ---- Where bytes go: a file, or memory */

struct sink {
    int descriptor; /* -1: memory */
    struct text memory;
    uint64_t position;
};

static void put(struct sink *sink, const void *data, size_t size) {
    if (sink->descriptor >= 0) {
        assert_int_equal(file_write_descriptor(sink->descriptor, data, size, NULL), VITLRP_OK);
    } else {
        text_append(&sink->memory, data, size);
        assert_false(sink->memory.failed);
    }
    sink->position += size;
}

static void put_number(struct sink *sink, uint64_t value, size_t size) {
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char) (value >> 8 * i);
    }
    put(sink, bytes, size);
}

static struct sink memory_sink(void) {
    return (struct sink){.descriptor = -1, .memory = {.limit = (size_t) 1 << 28}};
}

static void take_memory(struct sink *sink, size_t drop, struct bytes *out) {
    assert_true(sink->memory.length > drop);
    *out = (struct bytes){(unsigned char *) sink->memory.data, sink->memory.length - drop};
}

/* ---- Zip */

struct record {
    char name[128];
    uint32_t crc;
    uint64_t offset, stored, size;
    uint16_t flags, method;
};

struct zip_writer {
    struct sink *sink;
    struct record records[PTH_MAX_TENSORS + 8];
    size_t count;
    bool misname_next;
};

/* The local header, sizes left to the descriptor behind the data, data on a multiple of 64 bytes.
 */
static struct record *begin_record(struct zip_writer *zip, const char *name, uint16_t method) {
    struct record *record = &zip->records[zip->count++];
    struct sink *sink = zip->sink;
    *record = (struct record){.offset = sink->position, .method = method};
    snprintf(record->name, sizeof record->name, "%s", name);
    size_t length = strlen(record->name);
    size_t padding = (64 - (record->offset + 30 + length + 4) % 64) % 64;
    put_number(sink, 0x04034B50, 4);
    put_number(sink, 0, 2);
    put_number(sink, 8, 2);
    put_number(sink, method, 2);
    put_number(sink, 0, 8);
    put_number(sink, 0, 8);
    put_number(sink, length, 2);
    put_number(sink, 4 + padding, 2);
    if (zip->misname_next) {
        record->name[0] = 'X';
        zip->misname_next = false;
    }
    put(sink, name, length);
    put(sink, "FB", 2);
    put_number(sink, padding, 2);
    for (size_t i = 0; i < padding; i++) {
        put(sink, "Z", 1);
    }
    return record;
}

static void put_data(struct zip_writer *zip, struct record *record, const void *data, size_t size) {
    record->crc = (uint32_t) crc32(record->crc, data, (unsigned) size);
    record->size += size;
    put(zip->sink, data, size);
    record->stored += size;
}

static void end_record(struct zip_writer *zip, const struct record *record) {
    put_number(zip->sink, 0x08074B50, 4);
    put_number(zip->sink, record->crc, 4);
    put_number(zip->sink, record->stored, 4);
    put_number(zip->sink, record->size, 4);
}

static void put_record(struct zip_writer *zip, const char *name, const void *data, size_t size) {
    struct record *record = begin_record(zip, name, 0);
    put_data(zip, record, data, size);
    end_record(zip, record);
}

void deflate_bytes(const void *data, size_t size, int level, int strategy, struct bytes *out) {
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, -MAX_WBITS, 8, strategy), Z_OK);
    size_t room = deflateBound(&stream, (unsigned long) size);
    *out = (struct bytes){mem_calloc(room, 1), 0};
    assert_non_null(out->data);
    stream.next_in = (unsigned char *) (uintptr_t) data;
    stream.avail_in = (unsigned) size;
    stream.next_out = out->data;
    stream.avail_out = (unsigned) room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->size = stream.total_out;
    deflateEnd(&stream);
}

static void put_deflated(struct zip_writer *zip, const char *name, const void *data, size_t size) {
    struct record *record = begin_record(zip, name, 8);
    struct bytes packed;
    deflate_bytes(data, size, 6, Z_DEFAULT_STRATEGY, &packed);
    record->crc = (uint32_t) crc32(0, data, (unsigned) size);
    record->size = size;
    record->stored = packed.size;
    put(zip->sink, packed.data, packed.size);
    bytes_free(&packed);
    end_record(zip, record);
}

static void end_zip(struct zip_writer *zip) {
    struct sink *sink = zip->sink;
    uint64_t start = sink->position;
    for (size_t i = 0; i < zip->count; i++) {
        const struct record *record = &zip->records[i];
        put_number(sink, 0x02014B50, 4);
        put_number(sink, 0, 4);
        put_number(sink, 8U | record->flags, 2);
        put_number(sink, record->method, 2);
        put_number(sink, 0, 4);
        put_number(sink, record->crc, 4);
        put_number(sink, record->stored, 4);
        put_number(sink, record->size, 4);
        put_number(sink, strlen(record->name), 2);
        put_number(sink, 0, 4);
        put_number(sink, 0, 8);
        put_number(sink, record->offset, 4);
        put(sink, record->name, strlen(record->name));
    }
    uint64_t size = sink->position - start;
    put_number(sink, 0x06054B50, 4);
    put_number(sink, 0, 4);
    put_number(sink, zip->count, 2);
    put_number(sink, zip->count, 2);
    put_number(sink, size, 4);
    put_number(sink, start, 4);
    put_number(sink, 0, 2);
}

/* ---- Pickle */

static void op(struct text *out, char opcode) {
    text_append(out, &opcode, 1);
}

static void op_string(struct text *out, const char *string) {
    size_t length = strlen(string);
    unsigned char size[4] = {(unsigned char) length, (unsigned char) (length >> 8), 0, 0};
    op(out, 'X');
    text_append(out, (const char *) size, 4);
    text_append(out, string, length);
}

/* LONG1 of 8 bytes: room for every size, and for negative ones. */
static void op_int(struct text *out, int64_t value) {
    char bytes[10] = "\x8A\x08";
    for (size_t i = 0; i < 8; i++) {
        bytes[2 + i] = (char) (unsigned char) ((uint64_t) value >> 8 * i);
    }
    text_append(out, bytes, sizeof bytes);
}

static void op_global(struct text *out, const char *module_and_name) {
    op(out, 'c');
    text_append_string(out, module_and_name);
}

/* A tuple of numbers. */
static void op_ints(struct text *out, const int64_t *values, size_t count) {
    op(out, '(');
    for (size_t i = 0; i < count; i++) {
        op_int(out, values[i]);
    }
    op(out, 't');
}

/* torch._utils._rebuild_tensor_v2(('storage', ...), offset, shape, stride, False, OrderedDict()).
 */
static void op_tensor(struct text *out, const struct pth_list *list, size_t i,
                      const struct pth_options *options) {
    const struct pth_tensor *tensor = &list->items[i];
    char type[64];
    char key[24];
    size_t stored = options->share ? 0 : i;
    const char *kind =
        i == 0 && options->storage_type != NULL ? options->storage_type : "FloatStorage";
    int64_t extra = stored == 0 ? options->extra_elements : 0;
    int64_t shape[4] = {0}, strides[4] = {0};
    int64_t stride = 1;
    for (size_t k = tensor->rank; k-- > 0;) {
        shape[k] = (int64_t) tensor->shape[k];
        strides[k] = stride;
        stride *= (int64_t) tensor->shape[k];
    }
    if (i == 0 && options->stride != 0) {
        strides[tensor->rank - 1] = options->stride;
    }
    snprintf(type, sizeof type, "torch\n%s\n", kind);
    snprintf(key, sizeof key, "%zu", stored);
    if (options->parameters) {
        op_global(out, "torch._utils\n_rebuild_parameter\n");
        op(out, '(');
    }
    if (options->attributes) {
        op_global(out, "torch._tensor\n_rebuild_from_type_v2\n");
        op(out, '(');
    }
    op_global(out, "torch._utils\n_rebuild_tensor_v2\n");
    if (options->attributes) {
        op_global(out, "torch\nTensor\n");
    }
    op(out, '(');
    op(out, '(');
    op_string(out, "storage");
    op_global(out, type);
    op_string(out, key);
    op_string(out, "cpu");
    op_int(out, (int64_t) element_count(&list->items[stored]) + extra);
    op(out, 't');
    op(out, 'Q');
    size_t rest = element_count(&list->items[stored]) - element_count(tensor);
    op_int(out, i == 0 ? options->offset : options->at_end ? (int64_t) rest : 0);
    op_ints(out, shape, tensor->rank);
    op_ints(out, strides, tensor->rank);
    op(out, '\x89');
    op_global(out, "collections\nOrderedDict\n");
    text_append_string(out, options->attributes ? ")Rt}tR" : ")RtR");
    if (options->parameters) {
        op(out, '\x89');
        op_global(out, "collections\nOrderedDict\n");
        text_append_string(out, ")RtR");
    }
}

static void op_state(struct text *out, const struct pth_list *list,
                     const struct pth_options *options) {
    op_global(out, "collections\nOrderedDict\n");
    text_append_string(out, ")R(");
    for (size_t i = 0; i < list->count; i++) {
        op_string(out, list->items[i].name);
        op_tensor(out, list, i, options);
    }
    op(out, 'u');
    if (options->parameters) {
        text_append_string(out, "}(");
        op_string(out, "_metadata");
        text_append_string(out, "}ub");
    }
}

static void make_pickle(const struct pth_list *list, const struct pth_options *options,
                        struct text *out) {
    text_append(out, "\x80\x02", 2);
    if (options->global != NULL) {
        op_global(out, options->global);
        op(out, '0');
    }
    if (options->wrapper == NULL) {
        op_state(out, list, options);
    } else {
        text_append_string(out, "}(");
        op_string(out, "epoch");
        text_append_string(out, "K\x07");
        op_string(out, options->wrapper);
        op_state(out, list, options);
        if (options->second_wrapper != NULL) {
            op_string(out, options->second_wrapper);
            op_state(out, list, options);
        }
        op(out, 'u');
    }
    op(out, '.');
    assert_false(out->failed);
}

static void put_tensor(struct zip_writer *zip, const struct pth_tensor *tensor, const char *name,
                       const struct pth_options *options) {
    float values[STEP];
    size_t count = element_count(tensor);
    struct record *record = begin_record(zip, name, options->method);
    record->flags = options->flags;
    for (size_t first = 0; first < count; first += STEP) {
        size_t step = count - first < STEP ? count - first : STEP;
        for (size_t i = 0; i < step; i++) {
            values[i] = element(tensor, first + i);
        }
        little_endian_turn(values, sizeof *values, step);
        put_data(zip, record, values, step * sizeof *values);
    }
    record->crc ^= options->crc_error;
    end_record(zip, record);
}

static void put_deflated_tensor(struct zip_writer *zip, const struct pth_tensor *tensor,
                                const char *name) {
    size_t count = element_count(tensor);
    float *values = mem_calloc(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = element(tensor, i);
    }
    little_endian_turn(values, sizeof *values, count);
    put_deflated(zip, name, values, count * sizeof *values);
    mem_free(values);
}

static void put_pth(struct sink *sink, const struct pth_list *list,
                    const struct pth_options *options) {
    static const struct pth_options sound = {0};
    struct zip_writer *zip = mem_calloc(1, sizeof *zip);
    struct text pickle = {.limit = (size_t) 1 << 24};
    char name[64] = "archive/data.pkl";
    assert_non_null(zip);
    zip->sink = sink;
    if (options->pickle != NULL) {
        put_record(zip, name, options->pickle, options->pickle_size);
    } else {
        make_pickle(list, options, &pickle);
        put_record(zip, name, pickle.data, pickle.length);
    }
    for (size_t i = 0; i < list->count; i++) {
        snprintf(name, sizeof name, "archive/data/%zu", i);
        zip->misname_next = i == 0 && options->local_disagrees;
        if (options->deflate) {
            put_deflated_tensor(zip, &list->items[i], name);
        } else {
            put_tensor(zip, &list->items[i], name, i == 0 ? options : &sound);
        }
    }
    if (options->duplicate) {
        put_record(zip, name, "1234", 4);
    }
    if (options->record_name != NULL) {
        put_record(zip, options->record_name, "1234", 4);
    }
    put_record(zip, "archive/version", "3\n", 2);
    end_zip(zip);
    text_free(&pickle);
    mem_free(zip);
}

void pth_make(const struct pth_list *list, const struct pth_options *options, struct bytes *out) {
    struct sink sink = memory_sink();
    put_pth(&sink, list, options);
    take_memory(&sink, options->drop_bytes, out);
}

void pth_write(const char *path, const struct pth_list *list, const struct pth_options *options) {
    struct sink sink = {.descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    assert_true(sink.descriptor >= 0);
    put_pth(&sink, list, options);
    assert_int_equal(close(sink.descriptor), 0);
}

/* ---- safetensors and npz */

/* The nearest half; the values of the tests are exact in it. */
static uint16_t half_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t magnitude = bits & 0x7FFFFFFFU;
    uint32_t sign = bits >> 16 & 0x8000U;
    if (magnitude < 0x38800000U) {
        return (uint16_t) (sign | (uint32_t) (value < 0 ? -value * 0x1p24F : value * 0x1p24F));
    }
    return (uint16_t) (sign | (magnitude - 0x38000000U) >> 13);
}

static void put_element(struct sink *sink, const char *type, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (strcmp(type, "F32") == 0) {
        put_number(sink, bits, 4);
    } else {
        put_number(sink, strcmp(type, "F16") == 0 ? half_of(value) : bits >> 16, 2);
    }
}

void safetensors_make(const struct pth_list *list, const char *type, const char *metadata,
                      struct bytes *out) {
    struct text header = {.limit = (size_t) 1 << 24};
    size_t size = strcmp(type, "F32") == 0 ? 4 : 2;
    size_t offset = 0;
    text_append_string(&header, "{");
    if (metadata != NULL) {
        json_t *text = json_string(metadata);
        text_append_string(&header, "\"__metadata__\":{\"vitlrp\":");
        json_append(&header, text, 0);
        text_append_string(&header, list->count > 0 ? "}," : "}");
        json_decref(text);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct pth_tensor *tensor = &list->items[i];
        size_t bytes = element_count(tensor) * size;
        text_printf(&header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i > 0 ? "," : "",
                    tensor->name, type);
        for (size_t k = 0; k < tensor->rank; k++) {
            text_printf(&header, "%s%zu", k > 0 ? "," : "", tensor->shape[k]);
        }
        text_printf(&header, "],\"data_offsets\":[%zu,%zu]}", offset, offset + bytes);
        offset += bytes;
    }
    text_append_string(&header, "}");
    assert_false(header.failed);
    struct sink sink = memory_sink();
    put_number(&sink, header.length, 8);
    put(&sink, header.data, header.length);
    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; k < element_count(&list->items[i]); k++) {
            put_element(&sink, type, element(&list->items[i], k));
        }
    }
    text_free(&header);
    take_memory(&sink, 0, out);
}

void safetensors_of_header(const char *header, size_t data_size, struct bytes *out) {
    struct sink sink = memory_sink();
    put_number(&sink, strlen(header), 8);
    put(&sink, header, strlen(header));
    for (size_t i = 0; i < data_size; i++) {
        put(&sink, "", 1);
    }
    take_memory(&sink, 0, out);
}

void npz_make(const struct pth_list *list, bool deflated, struct bytes *out) {
    struct sink sink = memory_sink();
    struct zip_writer *zip = mem_calloc(1, sizeof *zip);
    assert_non_null(zip);
    zip->sink = &sink;
    for (size_t i = 0; i < list->count; i++) {
        const struct pth_tensor *tensor = &list->items[i];
        char name[128];
        struct sink array = memory_sink();
        char header[118]; /* with the 10 bytes before it a multiple of 64 */
        memset(header, ' ', sizeof header);
        int used =
            snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
        for (size_t k = 0; k < tensor->rank; k++) {
            used +=
                snprintf(header + used, sizeof header - (size_t) used, "%zu,", tensor->shape[k]);
        }
        used += snprintf(header + used, sizeof header - (size_t) used, "), }");
        header[used] = ' ';
        header[sizeof header - 1] = '\n';
        put(&array, "\x93NUMPY\x01\x00\x76\x00", 10);
        put(&array, header, sizeof header);
        for (size_t k = 0; k < element_count(tensor); k++) {
            put_element(&array, "F32", element(tensor, k));
        }
        snprintf(name, sizeof name, "%s.npy", tensor->name);
        if (deflated) {
            put_deflated(zip, name, array.memory.data, array.memory.length);
        } else {
            put_record(zip, name, array.memory.data, array.memory.length);
        }
        text_free(&array.memory);
    }
    end_zip(zip);
    mem_free(zip);
    take_memory(&sink, 0, out);
}

void npz_of_entries(const struct npz_entry *entries, size_t count, struct bytes *out) {
    struct sink sink = memory_sink();
    struct zip_writer *zip = mem_calloc(1, sizeof *zip);
    assert_non_null(zip);
    zip->sink = &sink;
    for (size_t i = 0; i < count; i++) {
        struct sink array = memory_sink();
        if (entries[i].header != NULL) {
            put(&array, "\x93NUMPY\x01\x00", 8);
            put_number(&array, strlen(entries[i].header), 2);
            put(&array, entries[i].header, strlen(entries[i].header));
        }
        for (size_t k = 0; k < entries[i].data_size; k++) {
            put(&array, "", 1);
        }
        put_record(zip, entries[i].name, array.memory.data, array.memory.length);
        text_free(&array.memory);
    }
    end_zip(zip);
    mem_free(zip);
    take_memory(&sink, 0, out);
}
