#define _POSIX_C_SOURCE 200809L
#include "rerun_folder.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/sha256.h"
#include "base/text.h"
#include "cli/names.h"

/* Of a file of results: a picture, or an array of an index. */
#define FILE_LIMIT ((size_t) 1 << 30)

struct folders {
    struct rerun_comparison *comparison;
    int was, is; /* open */
};

/* The hash of a file's bytes, as a value; NULL: it cannot be read. */
static json_t *hash_of(int folder, const char *name) {
    char digest[SHA256_TEXT];
    struct bytes bytes = {0};
    if (file_read_below(folder, name, FILE_LIMIT, &bytes, NULL) != VITLRP_OK) {
        return NULL;
    }
    enum vitlrp_status status = sha256_bytes(bytes.data, bytes.size, digest, NULL);
    bytes_free(&bytes);
    return status == VITLRP_OK ? json_string(digest) : NULL;
}

/* A file of results. Where its name is not UTF-8, a line of results has it escaped. */
struct result_file {
    const char *shown; /* as the line has it, for reports */
    const char *name;  /* its bytes */
};

static void compare_bytes(const struct folders *folders, const struct result_file *file) {
    json_t *was = hash_of(folders->was, file->name);
    json_t *is = hash_of(folders->is, file->name);
    if (was != NULL && is != NULL && json_equal(was, is)) {
        json_decref(was);
        json_decref(is);
        return;
    }
    rerun_compare_add(folders->comparison, RERUN_FIGURE, file->shown, was, is);
}

/* One that is no JSON is another file, whatever else it is. */
static void compare_json(const struct folders *folders, const struct result_file *file) {
    struct rerun_list was = {0};
    struct rerun_list is = {0};
    if (rerun_list_read(folders->was, file->name, &was, NULL) == VITLRP_OK &&
        rerun_list_read(folders->is, file->name, &is, NULL) == VITLRP_OK) {
        rerun_compare_lists(folders->comparison, file->shown, &was, &is);
    } else {
        compare_bytes(folders, file);
    }
    rerun_list_free(&was);
    rerun_list_free(&is);
}

static void compare_file(const struct folders *folders, const struct result_file *file) {
    folders->comparison->files++;
    if (strcmp(name_extension(file->name), ".json") == 0) {
        compare_json(folders, file);
    } else {
        compare_bytes(folders, file);
    }
}

static void compare_escaped(const struct folders *folders, const char *shown) {
    struct text name = {.limit = NAME_LIMIT};
    text_append_unescaped(&name, shown);
    if (text_check(&name, "the name of a file of results", NULL) == VITLRP_OK) {
        compare_file(folders, &(struct result_file){shown, name.data});
    } else {
        folders->comparison->failed = true;
    }
    text_free(&name);
}

/* The files that a line names, or a further class of it: the new run's own. */
static void compare_named(const struct folders *folders, const json_t *of_class, bool is_escaped) {
    const json_t *files = json_object_get(of_class, "files");
    const json_t *further = json_object_get(of_class, "further");
    for (size_t i = 0; i < json_array_size(files); i++) {
        const char *name = json_string_value(json_array_get(files, i));
        if (name != NULL && is_escaped) {
            compare_escaped(folders, name);
        } else if (name != NULL) {
            compare_file(folders, &(struct result_file){name, name});
        }
    }
    for (size_t i = 0; i < json_array_size(further); i++) {
        compare_named(folders, json_array_get(further, i), is_escaped);
    }
}

/* The arrays of an index. */
static enum vitlrp_status compare_arrays(const struct folders *folders, const char *path,
                                         struct vitlrp_error *err) {
    DIR *listing = opendir(path);
    const struct dirent *entry;
    if (listing == NULL) {
        return error_prefix(err, fail_errno(err, errno, "cannot list the folder"), path);
    }
    while ((entry = readdir(listing)) != NULL) {
        if (strcmp(name_extension(entry->d_name), ".npy") == 0) {
            compare_file(folders, &(struct result_file){entry->d_name, entry->d_name});
        }
    }
    closedir(listing);
    return VITLRP_OK;
}

static enum vitlrp_status compare_records(const struct rerun_record *record,
                                          const struct folders *folders, struct vitlrp_error *err) {
    struct rerun_list run = {0};
    struct rerun_list lines = {0};
    enum vitlrp_status status = rerun_list_read(folders->is, "run.json", &run, err);
    TRY(error_prefix(err, status, "run.json"));
    status = rerun_list_read(folders->is, "results.jsonl", &lines, err);
    error_prefix(err, status, "results.jsonl");
    if (status == VITLRP_OK) {
        rerun_compare_lists(folders->comparison, "", &record->records, &run);
        rerun_compare_lists(folders->comparison, "results", &record->lines, &lines);
    }
    for (size_t i = 0; i < lines.count; i++) {
        compare_named(folders, lines.items[i],
                      json_is_true(json_object_get(lines.items[i], "escaped")));
    }
    rerun_list_free(&run);
    rerun_list_free(&lines);
    return status;
}

enum vitlrp_status rerun_folder_compare(const struct rerun_record *record, const char *path,
                                        struct rerun_comparison *comparison,
                                        struct vitlrp_error *err) {
    struct folders folders = {.comparison = comparison, .was = record->folder};
    TRY(folder_open(path, &folders.is, err));
    enum vitlrp_status status = compare_records(record, &folders, err);
    if (status == VITLRP_OK && record->verb == VERB_CONCEPTS) {
        status = compare_arrays(&folders, path, err);
    }
    close(folders.is);
    return error_prefix(err, status, path);
}
