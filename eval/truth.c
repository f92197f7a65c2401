#include "eval/truth.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/picture_file.h"
#include "base/text.h"
#include "eval/row_reader.h"

#define FILE_LIMIT ((size_t) 1 << 30)
#define ROW_LIMIT ((size_t) 10000000)
#define STEM_LIMIT 4096

struct truth_entry {
    const char *name;
    int32_t label;
};

/* A word for a class; of several ("n03995372 85 1 499 272"), the first. */
static int32_t find_class(const struct truth_classes *classes, char *text) {
    int32_t label = classes->find(classes->user, text);
    char *blank = strchr(text, ' ');
    if (label < 0 && blank != NULL) {
        *blank = '\0';
        label = classes->find(classes->user, text);
        *blank = ' ';
    }
    return label;
}

static enum vitlrp_status add_entry(struct truth *truth, size_t *capacity, struct truth_entry entry,
                                    struct vitlrp_error *err) {
    if (truth->count >= ROW_LIMIT) {
        return fail(err, VITLRP_LIMIT, "has more than %zu rows", ROW_LIMIT);
    }
    if (truth->count == *capacity) {
        size_t grown = *capacity == 0 ? 256 : *capacity * 2;
        struct truth_entry *entries = mem_resize(truth->entries, grown, sizeof *entries);
        if (entries == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for %zu labels", grown);
        }
        truth->entries = entries;
        *capacity = grown;
    }
    truth->entries[truth->count++] = entry;
    return VITLRP_OK;
}

static enum vitlrp_status read_rows(struct row_reader *reader, const struct truth_classes *classes,
                                    struct truth *truth, struct vitlrp_error *err) {
    struct row row;
    size_t capacity = 0;
    const char *last_text = NULL; /* rows are often sorted by class */
    int32_t last_label = -1;
    bool first = true;
    while (rows_next(reader, &row)) {
        if (row.count < 2) {
            return fail(err, VITLRP_FORMAT,
                        "line %zu: a file name and a label are needed, separated by a comma, a "
                        "blank or a tab",
                        row.line);
        }
        if (last_text == NULL || strcmp(last_text, row.field[1]) != 0) {
            last_label = find_class(classes, row.field[1]);
            last_text = row.field[1];
        }
        bool is_header =
            first && last_label < 0 && picture_file_of_name(row.field[0]) == PICTURE_FILE_NONE;
        first = false;
        if (!is_header) {
            struct truth_entry entry = {row.field[0], last_label};
            TRY(add_entry(truth, &capacity, entry, err));
        }
    }
    return VITLRP_OK;
}

static int compare_entries(const void *left, const void *right) {
    const struct truth_entry *a = left;
    const struct truth_entry *b = right;
    return strcmp(a->name, b->name);
}

static enum vitlrp_status sort_entries(struct truth *truth, struct vitlrp_error *err) {
    if (truth->count == 0) {
        return fail(err, VITLRP_FORMAT, "has no labels");
    }
    qsort(truth->entries, truth->count, sizeof *truth->entries, compare_entries);
    for (size_t i = 1; i < truth->count; i++) {
        const struct truth_entry *entry = &truth->entries[i];
        if (strcmp(entry[-1].name, entry->name) == 0 && entry[-1].label != entry->label) {
            char shown[200];
            text_escape_name(shown, sizeof shown, entry->name);
            return fail(err, VITLRP_FORMAT, "has two labels for %s", shown);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status truth_open(const char *path, const struct truth_classes *classes,
                              struct truth *out, struct vitlrp_error *err) {
    struct row_reader reader = {0};
    struct truth truth = {0};
    TRY(rows_open(path, FILE_LIMIT, "\t, ", &reader, err));
    enum vitlrp_status status = read_rows(&reader, classes, &truth, err);
    if (status == VITLRP_OK) {
        status = sort_entries(&truth, err);
    }
    truth.text = reader.text; /* the names are in it */
    memcpy(truth.sha256, reader.sha256, sizeof truth.sha256);
    if (status != VITLRP_OK) {
        truth_close(&truth);
        return error_prefix(err, status, path);
    }
    *out = truth;
    return VITLRP_OK;
}

static const struct truth_entry *find_entry(const struct truth *truth, const char *name) {
    const struct truth_entry key = {.name = name};
    return truth->count == 0
               ? NULL
               : bsearch(&key, truth->entries, truth->count, sizeof key, compare_entries);
}

int32_t truth_find(const struct truth *truth, const char *id) {
    char stem[STEM_LIMIT];
    const char *slash = strrchr(id, '/');
    const char *name = slash == NULL ? id : slash + 1;
    const struct truth_entry *found = find_entry(truth, id);
    if (found == NULL) {
        found = find_entry(truth, name);
    }
    const char *dot = strrchr(name, '.');
    size_t length = dot == NULL ? 0 : (size_t) (dot - name);
    if (found == NULL && length > 0 && length < sizeof stem) {
        memcpy(stem, name, length);
        stem[length] = '\0';
        found = find_entry(truth, stem);
    }
    return found == NULL ? TRUTH_ABSENT : found->label;
}

void truth_close(struct truth *truth) {
    mem_free(truth->entries);
    mem_free(truth->text);
    *truth = (struct truth){0};
}
