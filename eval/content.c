#include "eval/content.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "eval/spread.h"

/* Larger files are no photographs that would be read whole: their parts say enough. */
#define READ_LIMIT ((uint64_t) 1 << 28)

#define DESCRIPTION (SHA256_TEXT + 32)

struct content content_begin(size_t count) {
    return (struct content){.hash = sha256_begin(), .count = count};
}

/* All of a small manifest, else CONTENT_WITNESSES that are evenly spread. */
static bool next_is_witness(struct content *content) {
    size_t most = content->count < CONTENT_WITNESSES ? content->count : CONTENT_WITNESSES;
    bool witness = content->witnesses < most &&
                   content->added == spread_place(content->witnesses, most, content->count);
    content->witnesses += witness ? 1 : 0;
    content->added++;
    return witness;
}

static enum vitlrp_status hash_parts(const struct source *source, char digest[SHA256_TEXT],
                                     struct vitlrp_error *err) {
    uint64_t rest = source->size - CONTENT_PART;
    struct sha256 hash = sha256_begin();
    unsigned char part[CONTENT_PART];
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < CONTENT_PARTS && status == VITLRP_OK; i++) {
        status = source_read(source, rest / (CONTENT_PARTS - 1) * i, part, sizeof part, err);
        sha256_add(&hash, part, status == VITLRP_OK ? sizeof part : 0);
    }
    return sha256_finish(&hash, status, digest, err);
}

static enum vitlrp_status hash_source(const struct source *source, bool is_witness,
                                      char digest[SHA256_TEXT], struct vitlrp_error *err) {
    bool is_short = source->size <= CONTENT_PARTS * CONTENT_PART;
    return is_short || (is_witness && source->size <= READ_LIMIT)
               ? sha256_source(source, digest, err)
               : hash_parts(source, digest, err);
}

/* As content_add says of the file, in `out`; its own failure. */
static enum vitlrp_status describe_file(const char *path, bool is_witness, char out[DESCRIPTION],
                                        struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    struct source source;
    TRY(source_open(path, &source, err));
    enum vitlrp_status status = hash_source(&source, is_witness, digest, err);
    if (status == VITLRP_OK) {
        snprintf(out, DESCRIPTION, "%" PRIu64 " %s\n", source.size, digest);
    }
    source_close(&source);
    return status;
}

enum vitlrp_status content_add(struct content *content, const char *id, const char *path,
                               struct vitlrp_error *err) {
    char description[DESCRIPTION] = "- -\n";
    struct vitlrp_error detail;
    enum vitlrp_status status = describe_file(path, next_is_witness(content), description, &detail);
    if (status != VITLRP_OK && error_is_systemic(status, &detail)) {
        return error_forward(err, &detail);
    }
    sha256_add(&content->hash, id, strlen(id) + 1);
    sha256_add(&content->hash, description, strlen(description));
    return VITLRP_OK;
}

enum vitlrp_status content_finish(struct content *content, enum vitlrp_status status,
                                  char out[SHA256_TEXT], struct vitlrp_error *err) {
    return sha256_finish(&content->hash, status, out, err);
}
