/* NumPy's .npz: a zip archive of .npy files, one for each array; the published JAX checkpoints of
 * the ViT paper are such. */
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/npy.h"
#include "vit/load/checkpoint.h"
#include "vit/load/zip.h"

#define HEAD_SIZE (NPY_MAX_HEADER + 12)

/* The element type that NumPy's kind and size stand for, by its safetensors name. */
static const struct element_type *type_of(const struct npy_header *header) {
    static const struct {
        char kind;
        size_t size;
        const char *name;
    } types[] = {
        {'f', 4, "F32"}, {'f', 2, "F16"}, {'f', 8, "F64"}, {'i', 8, "I64"},
        {'i', 4, "I32"}, {'i', 2, "I16"}, {'i', 1, "I8"},  {'u', 8, "U64"},
        {'u', 4, "U32"}, {'u', 2, "U16"}, {'u', 1, "U8"},  {'b', 1, "BOOL"},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].kind == header->kind && types[i].size == header->item_size) {
            return element_type_named(types[i].name);
        }
    }
    return NULL;
}

/* The beginnings of an archive's arrays, one after the other. */
struct heads {
    unsigned char *bytes; /* [HEAD_SIZE]: of the current one */
    size_t size;
    size_t total, limit; /* of all of them: deflated, a long one takes few bytes of the file */
};

static enum vitlrp_status read_head(struct heads *heads, struct payload *payload,
                                    struct vitlrp_error *err) {
    uint64_t size = payload->extent.size;
    size_t most = size < HEAD_SIZE ? (size_t) size : HEAD_SIZE;
    heads->size = size_min(NPY_MIN_SIZE, most);
    TRY(payload_read(payload, heads->bytes, heads->size, err));
    size_t wanted = size_min(npy_header_size(heads->bytes, heads->size), most);
    if (wanted <= heads->size) {
        return VITLRP_OK;
    }
    if (wanted > heads->limit - heads->total) {
        return fail_limit(
            err, "the headers of all arrays up to it take more than the limit of %zu bytes",
            heads->limit);
    }
    heads->total += wanted;
    TRY(payload_read(payload, heads->bytes + heads->size, wanted - heads->size, err));
    heads->size = wanted;
    return VITLRP_OK;
}

static enum vitlrp_status read_entry(const struct zip *zip, const struct zip_entry *entry,
                                     struct heads *heads, struct tensor_info *out,
                                     struct vitlrp_error *err) {
    struct payload payload = {0};
    struct npy_header header;
    uint64_t size = entry->extent.size;
    enum vitlrp_status status = payload_open(zip->source, &entry->extent, &payload, err);
    if (status == VITLRP_OK) {
        status = read_head(heads, &payload, err);
    }
    payload_close(&payload);
    TRY(status);
    TRY(npy_parse_header(heads->bytes, heads->size, (size_t) size, &header, err));
    struct tensor_info tensor = {.type = type_of(&header),
                                 .rank = header.rank,
                                 .extent = entry->extent,
                                 .skip = header.data_offset};
    memcpy(tensor.shape, header.shape, sizeof tensor.shape);
    if (tensor.type == NULL) {
        return fail(err, VITLRP_UNSUPPORTED, "elements of kind '%c%zu' are not known", header.kind,
                    header.item_size);
    }
    TRY(tensor_count(&tensor, err));
    if (header.fortran_order) {
        size_t strides[TENSOR_MAX_RANK] = {1};
        for (size_t i = 1; i < tensor.rank; i++) {
            strides[i] = strides[i - 1] * tensor.shape[i - 1];
        }
        tensor_lay(&tensor, strides);
    }
    if (tensor.count * tensor.type->size != size - header.data_offset) {
        return fail(err, VITLRP_FORMAT, "bytes are left over behind its array");
    }
    *out = tensor;
    return VITLRP_OK;
}

enum vitlrp_status npz_read(const struct zip *zip, struct checkpoint *out,
                            struct vitlrp_error *err) {
    struct heads heads = {.bytes = mem_calloc(HEAD_SIZE, 1), .limit = out->limits->max_table_bytes};
    enum vitlrp_status status = VITLRP_OK;
    if (heads.bytes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an array's header");
    }
    out->container = "npz";
    for (size_t i = 0; i < zip->count && status == VITLRP_OK; i++) {
        const struct zip_entry *entry = &zip->entries[i];
        struct tensor_info tensor;
        char label[TENSOR_LABEL_TEXT];
        size_t length = strlen(entry->name);
        if (length < 4 || strcmp(entry->name + length - 4, ".npy") != 0) {
            status = fail(err, VITLRP_UNSUPPORTED, "zip entry %s is no array",
                          tensor_label(label, entry->name));
            break;
        }
        status = read_entry(zip, entry, &heads, &tensor, err);
        if (status == VITLRP_OK) {
            status = tensor_table_add(&out->tensors, &tensor, entry->name, length - 4, err);
        } else {
            status = tensor_error_prefix(err, status, "array", entry->name);
        }
    }
    mem_free(heads.bytes);
    return status;
}
