#include "unit_indexes.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/run_folder.h"
#include "base/text.h"
#include "base/unit_index_run.h"
#include "base/words.h"

#define PATH_LIMIT ((size_t) 1 << 16)

/* Its files are read: an output must not be written over them. */
static enum vitlrp_status tell_files(const struct vitlrp_inputs *inputs, const char *folder,
                                     struct vitlrp_error *err) {
    static const char *const FILES[] = {"run.json", RUN_FOLDER_RESULTS, UNIT_INDEX_STATE};
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        struct text path = {.limit = PATH_LIMIT};
        text_printf(&path, "%s/%s", folder, FILES[i]);
        enum vitlrp_status status = text_check(&path, "the name of a file", err);
        if (status == VITLRP_OK) {
            status = file_tell(inputs, path.data, err);
        }
        text_free(&path);
        TRY(status);
    }
    return VITLRP_OK;
}

static struct vitlrp_concepts_info describe(const struct vitlrp_concepts *concepts) {
    struct vitlrp_concepts_info info;
    vitlrp_concepts_info_init(&info);
    vitlrp_concepts_describe(concepts, &info);
    return info;
}

static const struct vitlrp_concepts *of_site(const struct unit_indexes *indexes,
                                             enum vitlrp_site site) {
    for (size_t i = 0; i < indexes->count; i++) {
        if (describe(indexes->items[i]).site == site) {
            return indexes->items[i];
        }
    }
    return NULL;
}

static enum vitlrp_status open_one(const char *folder, const struct console *console,
                                   struct unit_indexes *out, struct vitlrp_error *err) {
    struct vitlrp_concepts *concepts = NULL;
    TRY(vitlrp_concepts_open(folder, &concepts, err));
    struct vitlrp_concepts_info info = describe(concepts);
    bool repeated = of_site(out, info.site) != NULL;
    out->items[out->count++] = concepts;
    if (repeated) {
        return fail(err, VITLRP_USAGE, "two indexes of site %s", word_of(WORDS_SITE, info.site));
    }
    if (info.images < info.total) {
        console_warn(console, "%s is an index of %zu of its %zu images", folder, info.images,
                     info.total);
    }
    return VITLRP_OK;
}

enum vitlrp_status unit_indexes_open(const struct settings *settings, const struct console *console,
                                     struct unit_indexes *out, struct vitlrp_error *err) {
    *out = (struct unit_indexes){0};
    if (settings->concepts_count == 0) {
        return VITLRP_OK;
    }
    out->items = mem_calloc(settings->concepts_count, sizeof *out->items);
    if (out->items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for indexes of hidden units");
    }
    for (size_t i = 0; i < settings->concepts_count; i++) {
        TRY(tell_files(&settings->inputs, settings->concepts[i], err));
        TRY(error_prefix(err, open_one(settings->concepts[i], console, out, err),
                         OPTION_CONCEPTS_NAME));
    }
    return VITLRP_OK;
}

void unit_indexes_close(struct unit_indexes *indexes) {
    for (size_t i = 0; i < indexes->count; i++) {
        vitlrp_concepts_close(indexes->items[i]);
    }
    mem_free(indexes->items);
    *indexes = (struct unit_indexes){0};
}

enum vitlrp_status unit_indexes_find(const struct unit_indexes *indexes, enum vitlrp_site site,
                                     const struct vitlrp_model *model,
                                     const struct vitlrp_concepts **out, struct vitlrp_error *err) {
    *out = of_site(indexes, site);
    return *out == NULL ? VITLRP_OK
                        : error_prefix(err, vitlrp_concepts_check_model(*out, model, err),
                                       OPTION_CONCEPTS_NAME);
}
