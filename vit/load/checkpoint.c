/* Opens a checkpoint by its content. Refuses files beyond the limit, and names what else it was
 * given. */
#include "vit/load/checkpoint.h"

#include <string.h>

#include "vit/load/zip.h"

#define HEAD_SIZE ((size_t) 512)
#define MIN_SIZE 8 /* of a safetensors file: the length of its header */

static const char CONVERT[] = "convert it to safetensors";

/* A beginning of a file that is no checkpoint. */
struct impostor {
    size_t offset;
    const char *bytes;
    size_t size;
    const char *hint;
};

#define BYTES(text) text, sizeof text - 1

static const struct impostor IMPOSTORS[] = {
    {0, BYTES("version https://git-lfs"),
     "is a Git LFS pointer, not the weights: run git lfs pull"},
    {0, BYTES("\x1F\x8B"), "is a gzip archive: unpack it first"},
    {0, BYTES("\x28\xB5\x2F\xFD"), "is a zstd archive: unpack it first"},
    {0,
     BYTES("\xFD"
           "7zXZ"),
     "is an xz archive: unpack it first"},
    {0, BYTES("BZh"), "is a bzip2 archive: unpack it first"},
    {257, BYTES("ustar"), "is a tar archive: unpack it first"},
    {0, BYTES("\x89HDF\r\n\x1A\n"),
     "is an HDF5 (Keras) file: use the PyTorch weights of the same model"},
    {4, BYTES("TFL3"), "is a TensorFlow Lite file: convert the weights to safetensors"},
    {0, BYTES("GGUF"), "is a GGUF file: use the PyTorch weights of the same model"},
    {0, BYTES("\xFF\xD8\xFF"), "is a JPEG image, not weights"},
    {0, BYTES("\x89PNG"), "is a PNG image, not weights"},
    {0, BYTES("\x93NUMPY"), "is a single .npy array, not a checkpoint"},
    {0, BYTES("PK\5\6"), "is an empty zip archive"},
    {0, BYTES("%PDF"), "is a PDF document, not weights"},
};

static bool contains(const unsigned char *bytes, size_t size, const char *text) {
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= size; i++) {
        if (memcmp(bytes + i, text, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Protocol buffers have no magic: their first field's key, and names their writers leave early on.
 */
static const char *protobuf_hint(const unsigned char *bytes, size_t size) {
    if (size == 0 || (bytes[0] != 0x08 && bytes[0] != 0x0A)) {
        return NULL;
    }
    if (contains(bytes, size, "onnx") || contains(bytes, size, "pytorch")) {
        return "seems to be an ONNX model: export the weights as safetensors instead";
    }
    if (contains(bytes, size, "saved_model") || contains(bytes, size, "Placeholder") ||
        contains(bytes, size, "tensorflow")) {
        return "seems to be a TensorFlow model: export the weights as safetensors instead";
    }
    return NULL;
}

/* Flax's msgpack: a map whose first key is a string. */
static bool is_msgpack(const unsigned char *bytes, size_t size) {
    bool map = size >= 2 && ((bytes[0] > 0x80 && bytes[0] <= 0x8F) || bytes[0] == 0xDE);
    const unsigned char *key = bytes + (size >= 4 && bytes[0] == 0xDE ? 3 : 1);
    return map && ((*key > 0xA0 && *key <= 0xBF) || *key == 0xD9);
}

const char *checkpoint_hint(const unsigned char *bytes, size_t size) {
    size_t start = 0;
    for (size_t i = 0; i < sizeof IMPOSTORS / sizeof IMPOSTORS[0]; i++) {
        const struct impostor *known = &IMPOSTORS[i];
        if (size >= known->offset + known->size &&
            memcmp(bytes + known->offset, known->bytes, known->size) == 0) {
            return known->hint;
        }
    }
    while (start < size && memchr(" \t\r\n\xEF\xBB\xBF", bytes[start], 7) != NULL) {
        start++;
    }
    if (start < size && bytes[start] == '<') {
        return "is an HTML or XML page, as servers send instead of a missing file: download it "
               "again";
    }
    if (start < size && (bytes[start] == '{' || bytes[start] == '[')) {
        return "is a JSON file, not weights: give the weights file beside it";
    }
    if (is_msgpack(bytes, size)) {
        return "seems to be a Flax (msgpack) file: use the PyTorch weights of the same repository";
    }
    return protobuf_hint(bytes, size);
}

static uint64_t big_endian(const unsigned char *bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* A JSON object, blanks before it allowed, where a safetensors header would begin. */
static bool has_header(const unsigned char *head, size_t size) {
    size_t at = 8;
    while (at < size && memchr(" \t\r\n", head[at], 4) != NULL) {
        at++;
    }
    return at < size && head[at] == '{';
}

static enum vitlrp_status read_zip(const struct source *source, struct checkpoint *out,
                                   struct vitlrp_error *err) {
    struct zip zip = {0};
    enum vitlrp_status status = zip_open(source, out->limits, &zip, err);
    if (status == VITLRP_OK) {
        bool arrays = false;
        for (size_t i = 0; i < zip.count && !arrays; i++) {
            size_t length = strlen(zip.entries[i].name);
            arrays = length > 4 && strcmp(zip.entries[i].name + length - 4, ".npy") == 0;
        }
        status = arrays ? npz_read(&zip, out, err) : torch_zip_read(&zip, out, err);
    }
    zip_close(&zip);
    return status;
}

static enum vitlrp_status read_container(const struct source *source, const unsigned char *head,
                                         size_t size, struct checkpoint *out,
                                         struct vitlrp_error *err) {
    /* A pickle of the number 0x1950A86A20F9469CFC6C, which opens PyTorch's old container. */
    static const unsigned char LEGACY[] = {0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46,
                                           0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19};
    if (memcmp(head, "PK\3\4", 4) == 0) {
        return read_zip(source, out, err);
    }
    if (head[0] == 0x80 && head[1] >= 2 && head[1] <= 5) {
        if (size >= 2 + sizeof LEGACY && memcmp(head + 2, LEGACY, sizeof LEGACY) == 0) {
            return torch_legacy_read(source, out, err);
        }
        return fail(err, VITLRP_UNSUPPORTED, "a bare pickle, not one of torch.save's: %s", CONVERT);
    }
    /* Before the hints: a length may begin with any byte, but no text has zeros in its first eight.
     */
    bool short_header = head[5] == 0 && head[6] == 0 && head[7] == 0;
    if (short_header && has_header(head, size)) {
        return safetensors_read(source, out, err);
    }
    const char *hint = checkpoint_hint(head, size);
    if (hint != NULL) {
        return fail(err, VITLRP_FORMAT, "%s", hint);
    }
    if (has_header(head, size) && big_endian(head) <= source->size - MIN_SIZE) {
        return fail(err, VITLRP_FORMAT,
                    "its header length is big-endian, which safetensors is not");
    }
    if (short_header || has_header(head, size)) {
        return safetensors_read(source, out, err);
    }
    return fail(err, VITLRP_FORMAT,
                "is neither safetensors, PyTorch nor NumPy (.npz): not a checkpoint, or damaged");
}

enum vitlrp_status checkpoint_open(const struct source *source,
                                   const struct checkpoint_options *options, struct checkpoint *out,
                                   struct vitlrp_error *err) {
    unsigned char head[HEAD_SIZE];
    const struct vitlrp_model_limits *limits = options->limits;
    struct checkpoint checkpoint = {.limits = limits,
                                    .log = options->log,
                                    .weights = options->weights,
                                    .tensors = {.limit = limits->max_tensors}};
    if (source->size == 0) {
        return fail(err, VITLRP_FORMAT, "is empty");
    }
    if (source->size > limits->max_bytes) {
        return fail_limit(err, "%llu bytes are more than the limit of %llu",
                          (unsigned long long) source->size,
                          (unsigned long long) limits->max_bytes);
    }
    size_t size = source->size < HEAD_SIZE ? (size_t) source->size : HEAD_SIZE;
    if (size < MIN_SIZE) {
        return fail(err, VITLRP_FORMAT, "is too short (%zu bytes) for a checkpoint: truncated?",
                    size);
    }
    TRY(source_read(source, 0, head, size, err));
    enum vitlrp_status status = read_container(source, head, size, &checkpoint, err);
    if (status == VITLRP_OK) {
        status = tensor_table_check_unique(&checkpoint.tensors, err);
    }
    for (size_t i = 0; i < checkpoint.tensors.count; i++) {
        checkpoint.tensors.items[i].source = source;
    }
    if (status == VITLRP_OK && checkpoint.tensors.count == 0) {
        status = fail(err, VITLRP_FORMAT, "holds no tensors");
    }
    if (status != VITLRP_OK) {
        checkpoint_close(&checkpoint);
        return status;
    }
    *out = checkpoint;
    return VITLRP_OK;
}

void checkpoint_close(struct checkpoint *checkpoint) {
    tensor_table_free(&checkpoint->tensors);
    json_decref(checkpoint->metadata);
    *checkpoint = (struct checkpoint){0};
}
