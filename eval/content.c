#define _POSIX_C_SOURCE 200809L
#include "eval/content.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "eval/spread.h"

/* Larger files are no photographs that would be read: their size says enough. */
#define READ_LIMIT ((uint64_t) 1 << 28)

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

static enum vitlrp_status hash_file(const char *path, char digest[SHA256_TEXT],
                                    struct vitlrp_error *err) {
    struct source source;
    TRY(source_open(path, &source, err));
    enum vitlrp_status status =
        source.size > READ_LIMIT ? VITLRP_LIMIT : sha256_source(&source, digest, err);
    source_close(&source);
    return status;
}

enum vitlrp_status content_add(struct content *content, const char *id, const char *path,
                               struct vitlrp_error *err) {
    char size[32] = "-";
    char digest[SHA256_TEXT] = "-";
    struct stat info;
    struct sha256 *hash = &content->hash;
    bool is_witness = next_is_witness(content);
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
        snprintf(size, sizeof size, "%" PRIu64, (uint64_t) info.st_size);
    }
    if (is_witness && hash_file(path, digest, err) == VITLRP_NOMEM) {
        return VITLRP_NOMEM;
    }
    sha256_add(hash, id, strlen(id) + 1);
    sha256_add(hash, size, strlen(size));
    if (is_witness) {
        sha256_add(hash, " ", 1);
        sha256_add(hash, digest, strlen(digest));
    }
    sha256_add(hash, "\n", 1);
    return VITLRP_OK;
}

enum vitlrp_status content_end(struct content *content, char out[SHA256_TEXT],
                               struct vitlrp_error *err) {
    return sha256_end(&content->hash, out, err);
}
