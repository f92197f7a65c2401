/* Version, statuses, what the build is made of. */
#include "api/api.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/words.h"
#include "imgio/decode.h"
#include "imgio/shaper.h"
#include "vit/math/gemm.h"
#include "vit/math/kernels.h"
#include "vit/math/packs.h"

const char *vitlrp_version(void) {
    return VITLRP_VERSION;
}

const char *vitlrp_status_name(enum vitlrp_status status) {
    const char *word = word_of(WORDS_STATUS, status);
    return word == NULL ? "unknown" : word;
}

const char *vitlrp_word(const char *enumeration, int32_t value) {
    const char *name;
    for (enum word_list list = 0; (name = words_name(list)) != NULL; list++) {
        if (enumeration != NULL && strcmp(name, enumeration) == 0) {
            return word_of(list, value);
        }
    }
    return NULL;
}

void vitlrp_free(void *pointer) {
    mem_free(pointer);
}

/* ---- Description of the build ---- */

#define BUILD_LIMIT ((size_t) 1 << 16)

/* "fp32, mixed, bf16": those that the backend computes as asked for on this processor. */
static void append_precisions(const struct gemm_backend *backend, struct text *out) {
    const char *separator = ": ";
    const char *word;
    for (int i = 0; (word = word_of(WORDS_PRECISION, i)) != NULL; i++) {
        if (packs_precision(backend, (enum vitlrp_precision) i) == (enum vitlrp_precision) i) {
            text_printf(out, "%s%s", separator, word);
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
    text_append_string(&lines, ", ");
    decode_webp_describe(&lines);
#ifdef VITLRP_TIFF
    text_append_string(&lines, ", ");
    decode_tiff_describe(&lines);
#endif
#ifdef VITLRP_AVIF
    text_append_string(&lines, ", ");
    decode_avif_describe(&lines);
#endif
    text_append_string(&lines, "\n");
    json_describe(&lines);
    text_append_string(&lines, "\n");
    shaper_describe(&lines);
    text_append_string(&lines, "\n");
    copy_text(&lines, text, size);
    text_free(&lines);
}
