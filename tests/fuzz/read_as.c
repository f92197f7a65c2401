/* What our readers make of files, for a script that compares it with what independent readers make
 * of the same bytes (tests/nightly/oracles.py).
 * usage: read_as image|array|weights, one path a line on standard input. For each a line:
 *   a failure's status and message, or
 *   ok WIDTH HEIGHT SHA-256                             of a picture's RGB as stored
 *   ok RANK EXTENT... SHA-256                           of an array's float32
 *   ok COUNT [NAME-IN-HEX RANK EXTENT... SHA-256]...    of each tensor's float32 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/npy.h"
#include "base/sha256.h"
#include "base/text.h"
#include "imgio/decode.h"
#include "vit/load/checkpoint.h"

#define FILE_LIMIT ((size_t) 64 << 20)

static void append_sha256(struct text *out, const void *data, size_t size) {
    char digest[SHA256_TEXT];
    if (sha256_bytes(data, size, digest, NULL) == VITLRP_OK) {
        text_printf(out, " %s", digest);
    }
}

static void append_shape(struct text *out, size_t rank, const size_t *shape) {
    text_printf(out, " %zu", rank);
    for (size_t i = 0; i < rank; i++) {
        text_printf(out, " %zu", shape[i]);
    }
}

static enum vitlrp_status read_image(const char *path, struct text *out, struct vitlrp_error *err) {
    struct vitlrp_image_limits limits = image_limits_default();
    struct decoded decoded;
    struct bytes file;
    TRY(file_read(path, FILE_LIMIT, &file, err));
    enum vitlrp_status status = decode_image(file.data, file.size, &limits, &decoded, err);
    bytes_free(&file);
    if (status == VITLRP_OK) {
        const struct image *image = &decoded.image;
        text_printf(out, "ok %d %d", image->width, image->height);
        append_sha256(out, image->rgb, (size_t) image->width * (size_t) image->height * 3);
        image_free(&decoded.image);
    }
    return status;
}

/* Of whatever rank the file says, which npy_read_float32 wants to be told. */
static enum vitlrp_status read_array(const char *path, struct text *out, struct vitlrp_error *err) {
    struct npy_header header;
    struct bytes file;
    size_t shape[NPY_MAX_RANK];
    float *values = NULL;
    TRY(file_read(path, FILE_LIMIT, &file, err));
    enum vitlrp_status status = npy_parse_header(file.data, file.size, file.size, &header, err);
    bytes_free(&file);
    if (status == VITLRP_OK) {
        status = npy_read_float32(path, FILE_LIMIT, header.rank, shape, &values, err);
    }
    if (status == VITLRP_OK) {
        text_append_string(out, "ok");
        append_shape(out, header.rank, shape);
        append_sha256(out, values, header.count * sizeof *values);
    }
    mem_free(values);
    return status;
}

static enum vitlrp_status read_tensor(const struct tensor_info *tensor, struct text *out,
                                      struct vitlrp_error *err) {
    struct tensor_reader reader = {0};
    float *values = mem_calloc(tensor->count + 1, sizeof *values);
    if (values == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory");
    }
    enum vitlrp_status status = tensor_reader_open(tensor, &reader, err);
    if (status == VITLRP_OK) {
        status = tensor_reader_next(&reader, values, tensor->count, err);
    }
    text_append_string(out, " ");
    for (const char *c = tensor->name; *c != '\0'; c++) {
        text_printf(out, "%02x", (unsigned char) *c);
    }
    append_shape(out, tensor->rank, tensor->shape);
    append_sha256(out, values, tensor->count * sizeof *values);
    tensor_reader_close(&reader);
    mem_free(values);
    return status;
}

static enum vitlrp_status read_weights(const char *path, struct text *out,
                                       struct vitlrp_error *err) {
    struct vitlrp_model_limits limits = vit_load_limits_default();
    struct checkpoint_options options = {.limits = &limits};
    struct checkpoint checkpoint;
    struct source source;
    TRY(source_open(path, &source, err));
    enum vitlrp_status status = checkpoint_open(&source, &options, &checkpoint, err);
    if (status == VITLRP_OK) {
        text_printf(out, "ok %zu", checkpoint.tensors.count);
        for (size_t i = 0; i < checkpoint.tensors.count && status == VITLRP_OK; i++) {
            status = read_tensor(&checkpoint.tensors.items[i], out, err);
        }
        checkpoint_close(&checkpoint);
    }
    source_close(&source);
    return status;
}

static void tell(const char *path, enum vitlrp_status (*read)(const char *path, struct text *out,
                                                              struct vitlrp_error *err)) {
    struct vitlrp_error err = {0};
    struct text line = {.limit = (size_t) 1 << 26};
    enum vitlrp_status status = read(path, &line, &err);
    if (status != VITLRP_OK) {
        printf("%d %s\n", (int) status, err.message);
    } else {
        puts(line.failed ? "6 out of memory" : line.data);
    }
    fflush(stdout);
    text_free(&line);
}

int main(int argc, char **argv) {
    static const struct {
        const char *kind;
        enum vitlrp_status (*read)(const char *path, struct text *out, struct vitlrp_error *err);
    } KINDS[] = {{"image", read_image}, {"array", read_array}, {"weights", read_weights}};
    char path[4096];
    for (size_t kind = 0; kind < 3; kind++) {
        if (argc != 2 || strcmp(argv[1], KINDS[kind].kind) != 0) {
            continue;
        }
        while (fgets(path, sizeof path, stdin) != NULL) {
            path[strcspn(path, "\n")] = '\0';
            tell(path, KINDS[kind].read);
        }
        return 0;
    }
    fprintf(stderr, "usage: %s image|array|weights <PATHS\n", argv[0]);
    return 2;
}
