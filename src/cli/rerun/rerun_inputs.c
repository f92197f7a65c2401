#include "rerun_inputs.h"

#include <string.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/json_compare.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "cli/model_choice.h"
#include "cli/model_record.h"
#include "cli/settings.h"

#define NAME_MOST ((size_t) 1 << 16)
#define SHORT_HASH 12
#define MOST_REPORTED 20

/* ---- Images ---- */

struct check {
    const char *root;    /* of --input-root; NULL: none */
    const char *dataset; /* the folder that ids are relative to; NULL: names are paths */
    size_t failed;
};

static enum vitlrp_status hash_file(const char *path, char out[SHA256_TEXT],
                                    struct vitlrp_error *err) {
    struct source source;
    TRY(source_open(path, &source, err));
    enum vitlrp_status status = sha256_source(&source, out, err);
    source_close(&source);
    return error_prefix(err, status, path);
}

static enum vitlrp_status check_file(const char *path, const char *digest,
                                     struct vitlrp_error *err) {
    char found[SHA256_TEXT];
    TRY(hash_file(path, found, err));
    return strcmp(found, digest) == 0
               ? VITLRP_OK
               : error_prefix(err,
                              fail(err, VITLRP_MISMATCH,
                                   "is another file than the record's: its SHA-256 begins with "
                                   "%.*s, not %.*s",
                                   SHORT_HASH, found, SHORT_HASH, digest),
                              path);
}

static enum vitlrp_status locate_image(const struct check *check, const char *name, char **out,
                                       struct vitlrp_error *err) {
    struct text joined = {.limit = NAME_MOST};
    if (check->dataset == NULL) {
        return rerun_locate(check->root, name, out, err);
    }
    text_append_string(&joined, check->dataset);
    text_append_string(&joined, "/");
    text_append_string(&joined, name);
    TRY(text_check(&joined, "the name of an image", err));
    *out = joined.data;
    return VITLRP_OK;
}

/* An image that could not be read then has no hash. */
static enum vitlrp_status check_image(struct check *check, const json_t *object, const char *key,
                                      const char *hash_key, struct vitlrp_error *err) {
    const char *name = json_get_string(object, key);
    const char *digest = json_get_string(object, hash_key);
    bool is_escaped = json_is_true(json_object_get(object, "escaped"));
    char *path = NULL;
    if (name == NULL || digest == NULL || is_escaped) {
        return VITLRP_OK;
    }
    TRY(locate_image(check, name, &path, err));
    enum vitlrp_status status = check_file(path, digest, err);
    mem_free(path);
    return status;
}

/* All are looked at; the first of them are reported. */
static void check_list(struct check *check, json_t *const *items, size_t count, const char *key,
                       const char *hash_key) {
    struct vitlrp_error err;
    for (size_t i = 0; i < count; i++) {
        if (check_image(check, items[i], key, hash_key, &err) != VITLRP_OK &&
            check->failed++ < MOST_REPORTED) {
            console_fail(&err);
        }
    }
}

static void check_array(struct check *check, const json_t *array, const char *key,
                        const char *hash_key) {
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *item = json_array_get(array, i);
        check_list(check, &item, 1, key, hash_key);
    }
}

static void check_images(struct check *check, const struct rerun_record *record,
                         const struct rerun_command *command) {
    const struct rerun_list *records = &record->records;
    if (record->verb == VERB_EXPLAIN || record->verb == VERB_NEURONS) {
        check_list(check, records->items, records->count, "image", "image_sha256");
    } else if (record->verb == VERB_COMPARE) {
        check_array(check, json_object_get(records->items[0], "images"), "image", "image_sha256");
    } else if (folder_is(command->args.operands[0])) { /* names of a list are its reader's matter */
        check->dataset = command->args.operands[0];
        check_list(check, record->lines.items, record->lines.count, "id", "sha256");
        check_array(check, json_object_get(records->items[0], "images"), "id", "sha256");
    }
}

/* ---- The model ---- */

static void note_model(void *user, const char *path, const json_t *was, const json_t *is) {
    struct text *differences = user;
    if (differences->length == 0) {
        json_append_change(differences, path, was, is);
    }
}

static enum vitlrp_status compare_model(const struct rerun_record *record,
                                        const struct model_record *found,
                                        struct vitlrp_error *err) {
    struct text differences = {.limit = NAME_MOST};
    bool complete = true;
    const json_t *search = rerun_record_search(record);
    json_t *is = json_object();
    json_t *was =
        json_pack("{s:O?, s:O?}", "weights_sha256", json_object_get(search, "weights_sha256"),
                  "configuration", json_object_get(search, "configuration"));
    const struct json_comparison comparison = {.note = note_model, .user = &differences};
    json_set_model(is, found, &complete);
    complete = complete && was != NULL && json_compare(&comparison, was, is);
    json_decref(was);
    json_decref(is);
    enum vitlrp_status status = VITLRP_OK;
    if (!complete || differences.failed) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the record of a model");
    } else if (differences.length > 0) {
        status =
            fail(err, VITLRP_MISMATCH, "another model than the record's: %s", differences.data);
    }
    text_free(&differences);
    return status;
}

static enum vitlrp_status check_model(const struct rerun_record *record,
                                      const struct rerun_command *command,
                                      const struct console *console, struct vitlrp_error *err) {
    struct settings settings;
    struct vitlrp_model *model = NULL;
    struct model_record found = {0};
    TRY(settings_read(&command->args, &settings, err));
    TRY(model_choose(&settings, console, &model, err));
    enum vitlrp_status status = model_record_take(model, &found, err);
    if (status == VITLRP_OK) {
        status = compare_model(record, &found, err);
        status = error_prefix(
            err, status, settings.model_path == NULL ? "the built-in model" : settings.model_path);
    }
    model_record_free(&found);
    vitlrp_model_close(model);
    return status;
}

enum exit_code rerun_inputs_check(const struct rerun_record *record,
                                  const struct rerun_command *command, const char *root,
                                  const struct console *console) {
    struct vitlrp_error err;
    struct check check = {.root = root};
    check_images(&check, record, command);
    if (check.failed > MOST_REPORTED) {
        char line[80];
        snprintf(line, sizeof line, "and %zu more images", check.failed - MOST_REPORTED);
        console_error(line);
    }
    enum exit_code code =
        console_check(check_model(record, command, console, &err), CODE_INPUT, &err);
    return check.failed > 0 ? CODE_INPUT : code;
}
