#define _POSIX_C_SOURCE 200809L
#include "rerun_record.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/formats.h"
#include "base/json_scan.h"
#include "base/mem.h"

/* Of a file, and of the values of all its objects together: an evaluation of 10,000 images. */
#define FILE_LIMIT ((size_t) 256 << 20)
#define MEMORY_LIMIT ((size_t) 1 << 30)

#define RUN_FILE "run.json"
#define RESULTS_FILE "results.jsonl"

static const struct {
    const char *format;
    enum verb verb;
} FORMATS[] = {
    {FORMAT_EXPLANATION, VERB_EXPLAIN}, {FORMAT_COMPARISON, VERB_COMPARE},
    {FORMAT_NEURONS, VERB_NEURONS},     {FORMAT_EVALUATION, VERB_EVAL},
    {FORMAT_SETTINGS, VERB_TUNE},       {FORMAT_BATCH, VERB_BATCH},
    {FORMAT_CONCEPTS, VERB_CONCEPTS},
};

/* ---- Objects of a file ---- */

void rerun_list_free(struct rerun_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        json_decref(list->items[i]);
    }
    mem_free(list->items);
    *list = (struct rerun_list){0};
}

/* *left is what the values of the objects to come may take. */
static enum vitlrp_status list_add(struct rerun_list *list, const char *bytes, size_t size,
                                   size_t *left, struct vitlrp_error *err) {
    struct json_cost cost;
    json_t *object = NULL;
    (void) json_scan(bytes, size, &cost);
    enum vitlrp_status status = json_parse_within(bytes, size, *left, &object, err);
    TRY(error_topic(err, status, VITLRP_TOPIC_NONE)); /* this limit is fixed */
    *left -= size_min(cost.memory, *left);
    if ((list->count & (list->count + 1)) == 0) { /* as many as fit, and no more */
        json_t **grown = mem_resize(list->items, 2 * list->count + 1, sizeof *grown);
        if (grown == NULL) {
            json_decref(object);
            return fail(err, VITLRP_NOMEM, "out of memory for %zu records", list->count);
        }
        list->items = grown;
    }
    list->items[list->count++] = object;
    return VITLRP_OK;
}

static enum vitlrp_status list_parse(const char *bytes, size_t size, struct rerun_list *list,
                                     struct vitlrp_error *err) {
    struct json_cost cost;
    size_t left = MEMORY_LIMIT;
    const char *end = memchr(bytes, '\n', size);
    size_t first = end == NULL ? size : (size_t) (end - bytes);
    if (json_scan(bytes, first, &cost) != JSON_WELL_FORMED) {
        return list_add(list, bytes, size, &left, err);
    }
    for (size_t at = 0; at < size;) {
        end = memchr(bytes + at, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t) (end - bytes) - at;
        enum vitlrp_status status = list_add(list, bytes + at, length, &left, err);
        if (status != VITLRP_OK) {
            char line[32];
            snprintf(line, sizeof line, "line %zu", list->count + 1);
            return error_prefix(err, status, line);
        }
        at += length + 1;
    }
    return VITLRP_OK;
}

enum vitlrp_status rerun_list_read(int folder, const char *path, struct rerun_list *out,
                                   struct vitlrp_error *err) {
    struct bytes bytes = {0};
    *out = (struct rerun_list){0};
    TRY(folder == AT_FDCWD ? file_read(path, FILE_LIMIT, &bytes, err)
                           : file_read_below(folder, path, FILE_LIMIT, &bytes, err));
    enum vitlrp_status status = list_parse((const char *) bytes.data, bytes.size, out, err);
    bytes_free(&bytes);
    if (status != VITLRP_OK) {
        rerun_list_free(out);
    }
    return folder == AT_FDCWD ? error_prefix(err, status, path) : status;
}

/* ---- What a record states ---- */

static enum vitlrp_status find_verb(const json_t *record, enum verb *out,
                                    struct vitlrp_error *err) {
    const char *format = json_get_string(record, "format");
    for (size_t i = 0; format != NULL && i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
        if (strcmp(FORMATS[i].format, format) == 0) {
            *out = FORMATS[i].verb;
            return VITLRP_OK;
        }
    }
    char shown[60];
    text_escape_name(shown, sizeof shown, format == NULL ? "" : format);
    return format == NULL ? fail(err, VITLRP_FORMAT, "is no record of vitlrp: it has no \"format\"")
                          : fail(err, VITLRP_UNSUPPORTED,
                                 "a record of the format \"%s\" cannot be repeated", shown);
}

enum option_id rerun_option_read(const json_t *word, const char **value) {
    const char *text = json_string_value(word);
    char name[OPTION_NAME_LIMIT];
    size_t length = text == NULL || strncmp(text, "--", 2) != 0 ? 0 : strcspn(text + 2, "=");
    if (length == 0 || length >= sizeof name) {
        return OPTION_COUNT;
    }
    memcpy(name, text + 2, length);
    name[length] = '\0';
    enum option_id option = option_by_name(name);
    *value = text[2 + length] == '=' ? text + 2 + length + 1 : NULL;
    bool takes_one = option < OPTION_COUNT && option_table()[option].argument != NULL;
    return takes_one == (*value != NULL) ? option : OPTION_COUNT;
}

const char *rerun_record_option(const struct rerun_record *record, enum option_id option) {
    const json_t *words = json_object_get(record->run, "options");
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *value = NULL;
        if (rerun_option_read(json_array_get(words, i), &value) == option) {
            return value;
        }
    }
    return NULL;
}

/* Nothing but options of this verb that a run states itself: none that names what is written. */
static enum vitlrp_status check_options(const json_t *words, enum verb verb,
                                        struct vitlrp_error *err) {
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *value = NULL;
        const char *word = json_string_value(json_array_get(words, i));
        enum option_id option = rerun_option_read(json_array_get(words, i), &value);
        char shown[60];
        if (option == OPTION_COUNT || (option_table()[option].verbs & 1U << verb) == 0 ||
            option_is_apart(option, verb)) {
            text_escape_name(shown, sizeof shown, word == NULL ? "" : word);
            return fail(err, VITLRP_FORMAT, "run.options[%zu]: no run of %s states '%s'", i,
                        verb_name(verb), shown);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_run(struct rerun_record *record, struct vitlrp_error *err) {
    const json_t *run = json_object_get(record->records.items[0], "run");
    const char *verb = json_get_string(run, "verb");
    const json_t *options = json_object_get(run, "options");
    if (run == NULL) {
        return fail(
            err, VITLRP_UNSUPPORTED,
            "does not state its command, so it cannot be repeated: it is of a program before "
            "0.2, of a batch (give its folder) or of Python");
    }
    if (verb == NULL || strcmp(verb, verb_name(record->verb)) != 0 || !json_is_array(options)) {
        return fail(err, VITLRP_FORMAT, "run: must state the verb %s and its options",
                    verb_name(record->verb));
    }
    record->run = run;
    return check_options(options, record->verb, err);
}

/* All records of a file are of one command. */
static enum vitlrp_status check_same(const struct rerun_record *record, struct vitlrp_error *err) {
    for (size_t i = 1; i < record->records.count; i++) {
        const json_t *other = record->records.items[i];
        const json_t *run = json_object_get(other, "run");
        enum verb verb = VERB_COUNT;
        TRY(find_verb(other, &verb, err));
        if (verb != record->verb || run == NULL ||
            !json_equal(json_object_get(run, "options"), json_object_get(record->run, "options"))) {
            return fail(err, VITLRP_UNSUPPORTED,
                        "its records 1 and %zu are of two commands: repeat them one by one", i + 1);
        }
    }
    bool has_lines = record->verb == VERB_EXPLAIN || record->verb == VERB_NEURONS;
    return has_lines || record->records.count == 1
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "holds more than one record");
}

/* ---- Reading ---- */

static enum vitlrp_status read_folder(struct rerun_record *record, struct vitlrp_error *err) {
    TRY(folder_open(record->path, &record->folder, err));
    enum vitlrp_status status = rerun_list_read(record->folder, RUN_FILE, &record->records, err);
    TRY(error_prefix(err, status, RUN_FILE));
    status = rerun_list_read(record->folder, RESULTS_FILE, &record->lines, err);
    return error_prefix(err, status, RESULTS_FILE);
}

static enum vitlrp_status check_folder(const struct rerun_record *record,
                                       struct vitlrp_error *err) {
    const json_t *manifest = json_object_get(record->records.items[0], "manifest");
    int64_t count = -1;
    bool of_images = record->verb == VERB_BATCH || record->verb == VERB_CONCEPTS;
    if (of_images != (record->folder >= 0)) {
        return of_images
                   ? fail(err, VITLRP_USAGE, "is of a folder: give the folder")
                   : fail(err, VITLRP_UNSUPPORTED,
                          "is the journal of a run of %s: give the JSON that the run has written",
                          verb_name(record->verb));
    }
    if (!of_images) {
        return json_is_true(json_object_get(record->records.items[0], "cancelled"))
                   ? fail(err, VITLRP_UNSUPPORTED,
                          "is not complete (the command that began it goes on)")
                   : VITLRP_OK;
    }
    TRY(json_get_int(manifest, "count", 0, INT64_MAX, &count, err));
    return count >= 0 && (uint64_t) count == record->lines.count
               ? VITLRP_OK
               : fail(err, VITLRP_UNSUPPORTED,
                      "is not complete: it has %zu of %lld images (the command that began it goes "
                      "on)",
                      record->lines.count, (long long) count);
}

enum vitlrp_status rerun_record_read(const char *path, struct rerun_record *out,
                                     struct vitlrp_error *err) {
    *out = (struct rerun_record){.path = path, .folder = -1};
    if (!folder_is(path)) {
        TRY(rerun_list_read(AT_FDCWD, path, &out->records, err));
    } else {
        TRY(error_prefix(err, read_folder(out, err), path));
    }
    enum vitlrp_status status = VITLRP_OK;
    if (out->records.count == 0) {
        status = fail(err, VITLRP_FORMAT, "holds no record");
    }
    TRY_GOTO(status, status, done);
    TRY_GOTO(status, find_verb(out->records.items[0], &out->verb, err), done);
    TRY_GOTO(status, check_folder(out, err), done);
    TRY_GOTO(status, check_run(out, err), done);
    TRY_GOTO(status, check_same(out, err), done);

done:
    return error_prefix(err, status, path);
}

void rerun_record_free(struct rerun_record *record) {
    rerun_list_free(&record->records);
    rerun_list_free(&record->lines);
    if (record->folder >= 0) {
        close(record->folder);
    }
    *record = (struct rerun_record){.folder = -1};
}

const json_t *rerun_record_search(const struct rerun_record *record) {
    const json_t *first = record->records.items[0];
    return record->verb == VERB_TUNE ? json_object_get(first, "search") : first;
}
