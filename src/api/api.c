/* Version, statuses, what the build is made of. */
#include "api/api.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "eval/protocol.h"
#include "imgio/decode.h"
#include "vit/math/gemm.h"
#include "vit/math/kernels.h"
#include "vit/math/packs.h"

const char *vitlrp_version(void) {
    return VITLRP_VERSION;
}

const char *vitlrp_status_name(enum vitlrp_status status) {
    switch (status) {
    case VITLRP_OK:
        return "ok";
    case VITLRP_USAGE:
        return "usage";
    case VITLRP_IO:
        return "io";
    case VITLRP_FORMAT:
        return "format";
    case VITLRP_UNSUPPORTED:
        return "unsupported";
    case VITLRP_LIMIT:
        return "limit";
    case VITLRP_NOMEM:
        return "nomem";
    case VITLRP_MISMATCH:
        return "mismatch";
    case VITLRP_NUMERIC:
        return "numeric";
    case VITLRP_CANCELLED:
        return "cancelled";
    case VITLRP_INTERNAL:
        return "internal";
    }
    return "unknown";
}

void vitlrp_free(void *pointer) {
    mem_free(pointer);
}

/* ---- Description of the build ---- */

#define BUILD_LIMIT ((size_t) 1 << 16)

/* "fp32, mixed, bf16": those that the backend computes as asked for on this processor. */
static void append_precisions(const struct gemm_backend *backend, struct text *out) {
    static const enum vitlrp_precision ALL[] = {VITLRP_PRECISION_FP32, VITLRP_PRECISION_MIXED,
                                                VITLRP_PRECISION_BF16};
    const char *separator = ": ";
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
        if (packs_precision(backend, ALL[i]) == ALL[i]) {
            text_printf(out, "%s%s", separator, eval_precision_name(ALL[i]));
            separator = ", ";
        }
    }
    text_append_string(out, "\n");
}

static void append_backends(struct text *out) {
    const struct gemm_backend *backend;
    const char *name;
    for (size_t i = 0; (name = vitlrp_backend_name(i)) != NULL; i++) {
        if (gemm_backend_find(name, &backend, NULL) == VITLRP_OK) {
            backend->describe(out);
            append_precisions(backend, out);
        }
    }
}

/* As much as there is room for, terminated. */
static void copy_text(const struct text *from, char *text, size_t size) {
    if (text != NULL && size > 0) {
        size_t length = from->length < size - 1 ? from->length : size - 1;
        if (length > 0) {
            memcpy(text, from->data, length);
        }
        text[length] = '\0';
    }
}

void vitlrp_backend_describe(const char *name, char *text, size_t size) {
    struct text line = {.limit = BUILD_LIMIT};
    const struct gemm_backend *backend;
    if (name != NULL && gemm_backend_find(name, &backend, NULL) == VITLRP_OK) {
        backend->describe(&line);
    }
    copy_text(&line, text, size);
    text_free(&line);
}

void vitlrp_describe_build(char *text, size_t size) {
    struct text lines = {.limit = BUILD_LIMIT};
    text_printf(&lines, "kernels: %s\n", kernels_select()->name);
    append_backends(&lines);
    decode_jpeg_describe(&lines);
    text_append_string(&lines, "\n");
    decode_png_describe(&lines);
    text_append_string(&lines, "\n");
    json_describe(&lines);
    text_append_string(&lines, "\n");
    copy_text(&lines, text, size);
    text_free(&lines);
}
