#include "batch_line.h"

#include <string.h>

#include "base/file.h"
#include "base/formats.h"
#include "base/mem.h"
#include "base/settings_json.h"
#include "base/text.h"
#include "cli/explanation.h"
#include "cli/names.h"

void batch_line_free(struct batch_line *line) {
    for (size_t i = 0; i < line->file_count; i++) {
        mem_free(line->files[i].path);
    }
    mem_free(line->files);
    mem_free(line->id);
    *line = (struct batch_line){0};
}

json_t *batch_line_begin(const struct batch_line_head *head, bool *complete) {
    const struct vitlrp_dataset_image *image = head->image;
    json_t *line = json_object();
    json_set(line, "format", json_string(FORMAT_BATCH_IMAGE), complete);
    json_set(line, "index", json_integer((json_int_t) image->index), complete);
    json_set(line, "id", json_text(image->id), complete);
    json_set(line, "status", json_string(head->status), complete);
    if (head->sha256[0] != '\0') {
        json_set(line, "sha256", json_string(head->sha256), complete);
    }
    if (!text_is_utf8(image->id, strlen(image->id))) {
        json_set(line, "escaped", json_true(), complete);
    }
    json_set(line, "label", head->label >= 0 ? json_integer(head->label) : json_null(), complete);
    json_set(line, "method", json_string(head->method), complete);
    return line;
}

/* A name of the line as the bytes that it stands for; *out is owned. */
static enum vitlrp_status read_name(const json_t *value, bool escaped, char **out,
                                    struct vitlrp_error *err) {
    struct text text = {.limit = NAME_LIMIT};
    const char *name = json_string_value(value);
    enum vitlrp_status status = VITLRP_OK;
    if (name == NULL || name[0] == '\0') {
        return fail(err, VITLRP_FORMAT, "a line of results lacks a name");
    }
    batch_append_path(&text, name, escaped);
    if (text.is_full) {
        status = fail(err, VITLRP_FORMAT, "a line of results has a name of more than %zu bytes",
                      NAME_LIMIT);
    } else if (text_check(&text, "a name", err) != VITLRP_OK) {
        status = VITLRP_NOMEM;
    } else if (strlen(text.data) != text.length) {
        status = fail(err, VITLRP_FORMAT, "a line of results has a zero byte in a name");
    }
    if (status != VITLRP_OK) {
        text_free(&text);
        return status;
    }
    *out = text.data;
    return VITLRP_OK;
}

static enum vitlrp_status add_file(struct batch_line *line, const json_t *name, bool escaped,
                                   const struct batch_line_file *file, struct vitlrp_error *err) {
    if (line->file_count == line->file_capacity) {
        size_t capacity = 2 * line->file_capacity + BATCH_FILES;
        struct batch_line_file *grown = mem_resize(line->files, capacity, sizeof *grown);
        if (grown == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a line of results");
        }
        line->files = grown;
        line->file_capacity = capacity;
    }
    struct batch_line_file *added = &line->files[line->file_count];
    *added = *file;
    TRY(read_name(name, escaped, &added->path, err));
    line->file_count++;
    return VITLRP_OK;
}

/* The files of a list of the class, with those of their sizes that are stated. */
static enum vitlrp_status read_files(struct batch_line *line, const json_t *names,
                                     const json_t *sizes, bool escaped,
                                     const struct batch_line_file *of_class,
                                     struct vitlrp_error *err) {
    size_t i;
    json_t *name;
    json_array_foreach((json_t *) names, i, name) {
        const json_t *size = json_array_get(sizes, i);
        struct batch_line_file file = *of_class;
        file.size = size == NULL ? -1 : json_integer_value(size);
        TRY(add_file(line, name, escaped, &file, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_class(struct batch_line *line, const json_t *of_class, bool escaped,
                                     struct vitlrp_error *err) {
    int64_t index = -1;
    TRY(json_get_int(of_class, "class", 0, INT32_MAX, &index, err));
    const struct batch_line_file file = {.place = line->classes, .class_index = (int32_t) index};
    TRY(read_files(line, json_object_get(of_class, "files"), json_object_get(of_class, "bytes"),
                   escaped, &file, err));
    TRY(read_files(line, json_object_get(of_class, "thumbnails"),
                   json_object_get(of_class, "thumbnail_bytes"), escaped, &file, err));
    line->classes++;
    return VITLRP_OK;
}

static enum vitlrp_status read_line(const json_t *object, struct batch_line *line,
                                    struct vitlrp_error *err) {
    size_t i;
    json_t *of_class;
    bool escaped = json_is_true(json_object_get(object, "escaped"));
    const char *sha256 = json_get_string(object, "sha256");
    if (sha256 != NULL) {
        memcpy(line->sha256, sha256, SHA256_TEXT);
    }
    TRY(read_name(json_object_get(object, "id"), escaped, &line->id, err));
    TRY(read_class(line, object, escaped, err));
    json_array_foreach(json_object_get(object, "further"), i, of_class) {
        TRY(read_class(line, of_class, escaped, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status batch_line_read(const struct journal *journal, size_t place,
                                   struct batch_line *line, struct vitlrp_error *err) {
    json_t *object = NULL;
    *line = (struct batch_line){0};
    TRY(journal_read(journal, place, &object, err));
    enum vitlrp_status status = error_prefix(err, read_line(object, line, err), journal->path);
    json_decref(object);
    return status;
}

/* "a/b.heat.7.png" in place of *name; false if that is too long, or there is no memory for it. */
static bool make_name(const char *id, enum batch_file file, int32_t class_index,
                      struct text *name) {
    name->length = 0;
    text_append_string(name, batch_file_folder(file));
    bool made = batch_stem(id, name, NULL) == VITLRP_OK; /* with a slash before it */
    if (made) {
        batch_append_suffix(name, file, class_index);
    }
    return made && !name->failed;
}

static bool is_named(const struct batch_line *line, const struct batch_line_file *file,
                     enum batch_file kind, int32_t class_index, struct text *name) {
    return make_name(line->id, kind, class_index, name) && strcmp(name->data, file->path) == 0;
}

/* A name that memory was short for is no other name. Releases the text. */
static enum vitlrp_status end_names(struct text *name, enum vitlrp_status status,
                                    struct vitlrp_error *err) {
    enum vitlrp_status complete = text_check_memory(name, "the names of results", err);
    text_free(name);
    return complete == VITLRP_OK ? status : complete;
}

enum vitlrp_status batch_line_is_complete(const struct batch_line *line,
                                          const struct batch_choice *choice, bool several,
                                          bool *complete, struct vitlrp_error *err) {
    struct text name = {.limit = NAME_LIMIT};
    size_t next = 0;
    bool all = true;
    for (size_t place = 0; place < line->classes; place++) {
        for (enum batch_file kind = BATCH_PNG; kind < BATCH_KINDS && all; kind++) {
            if (!batch_choice_writes(choice, kind) ||
                (place > 0 && !batch_file_is_of_class(kind))) {
                continue;
            }
            const struct batch_line_file *file = &line->files[next];
            bool found = next < line->file_count && file->place == place &&
                         is_named(line, file, kind, several ? file->class_index : -1, &name);
            all = found || kind >= BATCH_FILES;
            next += found ? 1 : 0;
        }
    }
    *complete = all && next == line->file_count;
    return end_names(&name, VITLRP_OK, err);
}

static bool is_own_name(const struct batch_line *line, const struct batch_line_file *file,
                        struct text *name) {
    for (enum batch_file kind = BATCH_PNG; kind < BATCH_KINDS; kind++) {
        if (is_named(line, file, kind, -1, name) ||
            is_named(line, file, kind, file->class_index, name)) {
            return true;
        }
    }
    return false;
}

enum vitlrp_status batch_line_check_names(const struct batch_line *line, struct vitlrp_error *err) {
    struct text name = {.limit = NAME_LIMIT};
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < line->file_count && status == VITLRP_OK; i++) {
        if (!is_own_name(line, &line->files[i], &name)) {
            status = fail(err, VITLRP_FORMAT, "is not a file of the run");
            error_prefix(err, status, line->files[i].path);
        }
    }
    return end_names(&name, status, err);
}

bool batch_line_is_outdated(const struct batch_line *line, const char *path) {
    return line->sha256[0] != '\0' && sha256_file_differs(path, line->sha256);
}
