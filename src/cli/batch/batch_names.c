#define _GNU_SOURCE
#include "batch_names.h"

#include <limits.h>
#include <string.h>

#include "base/parse.h"
#include "cli/names.h"

#define MAX_SHARDS 1000000
#define LONGEST_SUFFIX ".heat.100000.json"

static const struct {
    const char *before, *after; /* of the class */
    bool of_class;
} SUFFIXES[BATCH_FILES] = {
    [BATCH_PNG] = {".heat", ".png", true},     [BATCH_JPG] = {".heat", ".jpg", true},
    [BATCH_RAW] = {".raw", ".npy", true},      [BATCH_LOGITS] = {".logits", ".npy", false},
    [BATCH_INPUT] = {".input", ".npy", false}, [BATCH_JSON] = {".heat", ".json", false},
};

enum vitlrp_status batch_stem(const char *id, struct text *out, struct vitlrp_error *err) {
    const char *end = name_extension(id);
    for (const char *next = id; next < end;) {
        size_t length = strcspn(next, "/");
        size_t kept = next + length > end ? (size_t) (end - next) : length;
        if (kept == 2 && next[0] == '.' && next[1] == '.') {
            char shown[200];
            text_escape_name(shown, sizeof shown, id);
            return fail(err, VITLRP_USAGE,
                        "%s: has no place below the output folder (list paths without '..')",
                        shown);
        }
        if (kept > 0 && !(kept == 1 && next[0] == '.')) {
            text_append_string(out, out->length > 0 ? "/" : "");
            text_append(out, next, kept);
        }
        next += length + (next[length] == '/' ? 1 : 0);
    }
    return out->failed || out->length == 0
               ? fail(err, VITLRP_LIMIT, "an image's name is empty or longer than %zu bytes",
                      NAME_LIMIT)
               : VITLRP_OK;
}

void batch_append_suffix(struct text *out, enum batch_file file, int32_t class_index) {
    text_append_string(out, SUFFIXES[file].before);
    if (SUFFIXES[file].of_class && class_index >= 0) {
        text_printf(out, ".%d", class_index);
    }
    text_append_string(out, SUFFIXES[file].after);
}

bool batch_stem_is_long(const char *stem) {
    const char *slash = strrchr(stem, '/');
    return strlen(slash == NULL ? stem : slash + 1) + strlen(LONGEST_SUFFIX) > NAME_MAX;
}

void batch_append_name(struct text *out, const char *folder, const char *name, const char *ending,
                       int32_t shard, int32_t shards) {
    text_printf(out, "%s/%s", folder, name);
    if (shards > 1) {
        text_printf(out, ".%d-of-%d", shard, shards);
    }
    text_append_string(out, ending);
}

bool batch_parse_run_name(const char *name, int32_t *shard, int32_t *shards) {
    static const char BEFORE[] = "run.";
    static const char BETWEEN[] = "-of-";
    static const char AFTER[] = ".json";
    int64_t place;
    int64_t count;
    const char *between = strstr(name, BETWEEN);
    if (strcmp(name, "run.json") == 0) {
        *shard = 0;
        *shards = 1;
        return true;
    }
    if (strncmp(name, BEFORE, strlen(BEFORE)) != 0 || between == NULL) {
        return false;
    }
    const char *first = name + strlen(BEFORE);
    const char *second = between + strlen(BETWEEN);
    size_t digits = strspn(second, "0123456789");
    if (between < first || strcmp(second + digits, AFTER) != 0 ||
        !parse_int64_span(second, digits, 2, MAX_SHARDS, &count) ||
        !parse_int64_span(first, (size_t) (between - first), 0, count - 1, &place)) {
        return false;
    }
    *shard = (int32_t) place;
    *shards = (int32_t) count;
    return true;
}

static int hex_digit(char letter) {
    static const char DIGITS[] = "0123456789ABCDEF";
    const char *found = letter == '\0' ? NULL : strchr(DIGITS, letter);
    return found == NULL ? -1 : (int) (found - DIGITS);
}

void batch_append_path(struct text *out, const char *path, bool escaped) {
    while (*path != '\0') {
        int high = escaped && path[0] == '\\' && path[1] == 'x' ? hex_digit(path[2]) : -1;
        int low = high < 0 ? -1 : hex_digit(path[3]);
        if (low >= 0) {
            char byte = (char) (unsigned char) (16 * high + low);
            text_append(out, &byte, 1);
            path += 4;
        } else {
            text_append(out, path, 1);
            path++;
        }
    }
}
