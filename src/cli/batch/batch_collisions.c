#include "batch_collisions.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/names.h"

/* The images' stems as a table with open addressing, at most half full: of each the image's index
 * plus one, 0 for none. */
struct stems {
    const struct vitlrp_dataset *dataset;
    bool several;   /* classes are in the names */
    size_t *places; /* owned */
    size_t capacity;
    struct text stem, other; /* owned: scratch */
};

static uint64_t hash_of(const char *bytes) {
    uint64_t hash = 0xCBF29CE484222325U; /* FNV-1a */
    for (; *bytes != '\0'; bytes++) {
        hash = (hash ^ (unsigned char) *bytes) * 0x100000001B3U;
    }
    return hash ^ hash >> 32;
}

static enum vitlrp_status stem_of(const struct vitlrp_dataset *dataset, size_t index,
                                  struct text *out, struct vitlrp_error *err) {
    out->length = 0;
    return batch_stem(batch_image_at(dataset, index).id, out, err);
}

static enum vitlrp_status fail_meeting(const struct stems *stems, size_t first, size_t second,
                                       struct vitlrp_error *err) {
    char shown[2][150];
    text_escape_name(shown[0], sizeof shown[0], batch_image_at(stems->dataset, first).id);
    text_escape_name(shown[1], sizeof shown[1], batch_image_at(stems->dataset, second).id);
    return fail(err, VITLRP_USAGE,
                "%s and %s: the files of both would have the same names (rename one of them, or "
                "give a list without it)",
                shown[0], shown[1]);
}

static enum vitlrp_status add_stem(struct stems *stems, size_t index, struct vitlrp_error *err) {
    TRY(stem_of(stems->dataset, index, &stems->stem, err));
    size_t at = (size_t) hash_of(stems->stem.data) & (stems->capacity - 1);
    for (; stems->places[at] != 0; at = (at + 1) & (stems->capacity - 1)) {
        TRY(stem_of(stems->dataset, stems->places[at] - 1, &stems->other, err));
        if (strcmp(stems->stem.data, stems->other.data) == 0) {
            return fail_meeting(stems, stems->places[at] - 1, index, err);
        }
    }
    stems->places[at] = index + 1;
    return VITLRP_OK;
}

/* The index of the image with the stem in stems->stem, or the capacity. */
static size_t find_stem(struct stems *stems, struct vitlrp_error *err) {
    size_t at = (size_t) hash_of(stems->stem.data) & (stems->capacity - 1);
    for (; stems->places[at] != 0; at = (at + 1) & (stems->capacity - 1)) {
        size_t index = stems->places[at] - 1;
        if (stem_of(stems->dataset, index, &stems->other, err) == VITLRP_OK &&
            strcmp(stems->stem.data, stems->other.data) == 0) {
            return index;
        }
    }
    return stems->capacity;
}

static enum vitlrp_status fail_folder(const struct stems *stems, size_t index, const char *folder,
                                      const char *what, struct vitlrp_error *err) {
    char shown[2][150];
    text_escape_name(shown[0], sizeof shown[0], batch_image_at(stems->dataset, index).id);
    text_escape_name(shown[1], sizeof shown[1], folder);
    return fail(err, VITLRP_USAGE,
                "%s: the folder %s of its results would have the name of %s (rename it, or give a "
                "list without it)",
                shown[0], shown[1], what);
}

/* The folder that the first `length` bytes of an image's stem name. */
static enum vitlrp_status check_folder_name(struct stems *stems, const struct batch_plan *plan,
                                            size_t index, const struct text *folder,
                                            struct vitlrp_error *err) {
    if (strchr(folder->data, '/') == NULL && batch_name_is_control(folder->data)) {
        return fail_folder(stems, index, folder->data, "a file of the run", err);
    }
    for (enum batch_file file = BATCH_PNG; file < BATCH_FILES; file++) {
        size_t length = plan->choice->writes[file]
                            ? batch_stem_length(folder->data, folder->length, file, stems->several)
                            : 0;
        stems->stem.length = 0;
        text_append(&stems->stem, folder->data, length);
        TRY(text_check_memory(&stems->stem, "the names of results", err));
        bool found = length > 0 && !stems->stem.failed && find_stem(stems, err) < stems->capacity;
        TRY(text_check_memory(&stems->other, "the names of results", err));
        if (found) {
            return fail_folder(stems, index, folder->data, "another image's result", err);
        }
    }
    return VITLRP_OK;
}

/* The folders of an image's results that those of the image before it do not share. */
static enum vitlrp_status check_folders(struct stems *stems, const struct batch_plan *plan,
                                        size_t index, struct text *before,
                                        struct vitlrp_error *err) {
    struct text whole = {.limit = NAME_LIMIT};
    struct text folder = {.limit = NAME_LIMIT};
    enum vitlrp_status status = batch_stem(batch_image_at(stems->dataset, index).id, &whole, err);
    const char *slash = status == VITLRP_OK ? strchr(whole.data, '/') : NULL;
    for (; slash != NULL && status == VITLRP_OK; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t) (slash - whole.data);
        bool known = before->length > length && memcmp(before->data, whole.data, length + 1) == 0;
        folder.length = 0;
        text_append(&folder, whole.data, length);
        status = text_check_memory(&folder, "the names of results", err);
        if (status == VITLRP_OK && !known && !folder.failed) {
            status = check_folder_name(stems, plan, index, &folder, err);
        }
    }
    text_free(before);
    text_free(&folder);
    *before = whole;
    return status;
}

static enum vitlrp_status check_all_folders(struct stems *stems, const struct batch_plan *plan,
                                            struct vitlrp_error *err) {
    struct text before = {.limit = NAME_LIMIT};
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < plan->info.images && status == VITLRP_OK; i++) {
        status = check_folders(stems, plan, i, &before, err);
    }
    text_free(&before);
    return status;
}

enum vitlrp_status batch_check_collisions(const struct batch_plan *plan, bool several,
                                          struct vitlrp_error *err) {
    struct stems stems = {.dataset = plan->dataset,
                          .several = several,
                          .stem = {.limit = NAME_LIMIT},
                          .other = {.limit = NAME_LIMIT}};
    size_t count = plan->info.images;
    stems.capacity = 64;
    while (stems.capacity / 2 < count) {
        stems.capacity *= 2;
    }
    stems.places = mem_calloc(stems.capacity, sizeof *stems.places);
    if (stems.places == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the names of %zu images", count);
    }
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < count && status == VITLRP_OK; i++) {
        status = add_stem(&stems, i, err);
    }
    if (status == VITLRP_OK) {
        status = check_all_folders(&stems, plan, err);
    }
    mem_free(stems.places);
    text_free(&stems.stem);
    text_free(&stems.other);
    return status;
}
