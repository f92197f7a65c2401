#include "rerun_command.h"

#include <string.h>

#include "base/folder.h"
#include "base/mem.h"
#include "base/text.h"

#define WORD_LIMIT ((size_t) 1 << 20)
#define FIRST_WORDS 32
#define STANDARD_INPUT "-"
#define NOT_UTF8 "has a name that is not UTF-8"

/* ---- Names ---- */

enum vitlrp_status rerun_locate(const char *root, const char *name, char **out,
                                struct vitlrp_error *err) {
    struct text found = {.limit = WORD_LIMIT};
    bool is_there = root == NULL || path_is_there(name);
    for (const char *rest = name; !is_there && rest != NULL;) {
        rest += strspn(rest, "/");
        text_free(&found);
        text_printf(&found, "%s/%s", root, rest);
        is_there = *rest != '\0' && !found.failed && path_is_there(found.data);
        rest = is_there ? NULL : strchr(rest, '/');
    }
    if (!is_there || found.length == 0) { /* it is missed under the name that the record has */
        text_free(&found);
        text_append_string(&found, name);
    }
    if (found.data == NULL) {
        text_append(&found, "", 0);
    }
    TRY(text_check(&found, "the name of an input", err));
    *out = found.data;
    return VITLRP_OK;
}

/* UNSUPPORTED where nothing has the name, because a record has no bytes that are not UTF-8. */
static enum vitlrp_status check_located(const char *name, const char *located,
                                        struct vitlrp_error *err) {
    struct text bytes = {.limit = WORD_LIMIT};
    if (path_is_there(located)) {
        return VITLRP_OK;
    }
    text_append_unescaped(&bytes, name);
    enum vitlrp_status status = text_check(&bytes, "the name of an input", err);
    if (status == VITLRP_OK && bytes.length > 0 && !text_is_utf8(bytes.data, bytes.length)) {
        status = fail(err, VITLRP_UNSUPPORTED, "cannot be repeated: its input " NOT_UTF8);
    }
    text_free(&bytes);
    return status;
}

/* ---- Words ---- */

/* Takes what is in the text. */
static enum vitlrp_status add_word(struct rerun_command *command, struct text *word,
                                   struct vitlrp_error *err) {
    enum vitlrp_status status = text_check(word, "a word of the command", err);
    if (status == VITLRP_OK && command->count + 1 >= command->capacity) {
        size_t capacity = 2 * command->capacity + FIRST_WORDS;
        char **grown = mem_resize(command->words, capacity, sizeof *grown);
        if (grown == NULL) {
            status = fail(err, VITLRP_NOMEM, "out of memory for %zu words", capacity);
        } else {
            command->words = grown;
            command->capacity = capacity;
        }
    }
    if (status != VITLRP_OK) {
        text_free(word);
        return status;
    }
    command->words[command->count++] = word->data;
    command->words[command->count] = NULL;
    return VITLRP_OK;
}

static enum vitlrp_status add_plain(struct rerun_command *command, const char *word,
                                    struct vitlrp_error *err) {
    struct text text = {.limit = WORD_LIMIT};
    text_append_string(&text, word);
    return add_word(command, &text, err);
}

/* value NULL: an option without one. */
static enum vitlrp_status add_option(struct rerun_command *command, enum option_id option,
                                     const char *value, struct vitlrp_error *err) {
    struct text word = {.limit = WORD_LIMIT};
    text_printf(&word, "--%s%s", option_table()[option].name, value == NULL ? "" : "=");
    text_append_string(&word, value == NULL ? "" : value);
    return add_word(command, &word, err);
}

static enum vitlrp_status add_file(struct rerun_command *command, enum option_id option,
                                   const char *scratch, const char *name,
                                   struct vitlrp_error *err) {
    struct text path = {.limit = WORD_LIMIT};
    text_printf(&path, "%s/%s", scratch, name);
    enum vitlrp_status status = text_check(&path, "the name of a file", err);
    if (status == VITLRP_OK) {
        status = add_option(command, option, path.data, err);
    }
    text_free(&path);
    return status;
}

/* ---- What the record states ---- */

static enum vitlrp_status add_value(struct rerun_command *command, enum option_id option,
                                    const char *value, const char *root, struct vitlrp_error *err) {
    char *located = NULL;
    if (value == NULL || !option_names_file(option)) {
        return add_option(command, option, value, err);
    }
    TRY(rerun_locate(root, value, &located, err));
    enum vitlrp_status status = check_located(value, located, err);
    if (status == VITLRP_OK) {
        status = add_option(command, option, located, err);
    }
    mem_free(located);
    return status;
}

static enum vitlrp_status add_stated(struct rerun_command *command, const json_t *words,
                                     const struct args *own, struct vitlrp_error *err) {
    const char *root = own->value[OPTION_INPUT_ROOT];
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *value = NULL;
        enum option_id option = rerun_option_read(json_array_get(words, i), &value);
        if (option != OPTION_MODEL || own->value[OPTION_MODEL] == NULL) {
            TRY(add_value(command, option, value, root, err));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status add_own(struct rerun_command *command, const struct args *own,
                                  struct vitlrp_error *err) {
    static const enum option_id OWN[] = {OPTION_MODEL, OPTION_THREADS, OPTION_LIMITS,
                                         OPTION_PROGRESS};
    for (size_t i = 0; i < sizeof OWN / sizeof OWN[0]; i++) {
        if (own->value[OWN[i]] != NULL) {
            TRY(add_option(command, OWN[i], own->value[OWN[i]], err));
        }
    }
    return VITLRP_OK;
}

/* A page of several methods has a record of the first. */
static enum vitlrp_status add_method(struct rerun_command *command,
                                     const struct rerun_record *record, struct vitlrp_error *err) {
    const char *method = json_get_string(record->records.items[0], "method");
    bool stated = rerun_record_option(record, OPTION_METHOD) != NULL;
    return record->verb != VERB_EXPLAIN || stated || method == NULL
               ? VITLRP_OK
               : add_option(command, OPTION_METHOD, method, err);
}

/* merge chooses another one than the run's. */
static enum vitlrp_status add_reference(struct rerun_command *command,
                                        const struct rerun_record *record,
                                        struct vitlrp_error *err) {
    const char *reference = json_get_string(record->records.items[0], "reference");
    return record->verb != VERB_EVAL || reference == NULL
               ? VITLRP_OK
               : add_option(command, OPTION_REFERENCE, reference, err);
}

static enum vitlrp_status add_shard(struct rerun_command *command,
                                    const struct rerun_record *record, struct vitlrp_error *err) {
    const json_t *shard = json_object_get(record->records.items[0], "shard");
    struct text value = {.limit = WORD_LIMIT};
    int64_t index = 0;
    int64_t count = 1;
    TRY(json_get_int(shard, "index", 0, INT32_MAX, &index, err));
    TRY(json_get_int(shard, "count", 1, INT32_MAX, &count, err));
    if (count == 1) {
        return VITLRP_OK;
    }
    text_printf(&value, "%lld/%lld", (long long) index, (long long) count);
    enum vitlrp_status status = text_check(&value, "a shard", err);
    if (status == VITLRP_OK) {
        status = add_option(command, OPTION_SHARD, value.data, err);
    }
    text_free(&value);
    return status;
}

/* ---- Where results go ---- */

const char *rerun_result_name(enum verb verb) {
    return verb == VERB_BATCH || verb == VERB_CONCEPTS ? "run" : "record.json";
}

/* True if the run of neurons made a map of each unit: figures of the record are their sums. */
static bool has_maps(const json_t *record) {
    const json_t *blocks = json_object_get(record, "blocks");
    for (size_t b = 0; b < json_array_size(blocks); b++) {
        const json_t *units = json_object_get(json_array_get(blocks, b), "units");
        for (size_t u = 0; u < json_array_size(units); u++) {
            if (json_is_number(json_object_get(json_array_get(units, u), "map_sum"))) {
                return true;
            }
        }
    }
    return false;
}

static enum vitlrp_status add_results(struct rerun_command *command,
                                      const struct rerun_record *record, const char *scratch,
                                      struct vitlrp_error *err) {
    bool by_output = ((FOR_BATCH | FOR_CONCEPTS | FOR_TUNE) & 1U << record->verb) != 0;
    const char *level = rerun_record_option(record, OPTION_LEVEL);
    TRY(add_file(command, by_output ? OPTION_OUTPUT : OPTION_JSON, scratch,
                 rerun_result_name(record->verb), err));
    if (record->verb == VERB_CONCEPTS) {
        return add_option(command, OPTION_GALLERY, "0",
                          err); /* a page holds no figure of its own */
    }
    if (record->verb == VERB_COMPARE) {
        return add_file(command, OPTION_OUTPUT, scratch, "figure.svg", err);
    }
    if (record->verb != VERB_NEURONS || !has_maps(record->records.items[0])) {
        return VITLRP_OK;
    }
    return level != NULL && strcmp(level, "pixel") == 0
               ? add_file(command, OPTION_RAW, scratch, "{stem}.npy", err)
               : add_file(command, OPTION_OUTPUT, scratch, "{stem}.svg", err);
}

/* ---- Inputs ---- */

static enum vitlrp_status add_input(struct rerun_command *command, const json_t *object,
                                    const char *key, const char *root, struct vitlrp_error *err) {
    const char *name = json_get_string(object, key);
    char *located = NULL;
    if (name == NULL || name[0] == '\0') {
        return fail(err, VITLRP_FORMAT, "\"%s\" must be the name of an input", key);
    }
    if (strcmp(name, STANDARD_INPUT) == 0 ||
        json_is_true(json_object_get(object, "image_escaped"))) {
        return fail(err, VITLRP_UNSUPPORTED, "cannot be repeated: its input %s",
                    name[1] == '\0' ? "came from standard input" : NOT_UTF8);
    }
    TRY(rerun_locate(root, name, &located, err));
    enum vitlrp_status status = check_located(name, located, err);
    if (status == VITLRP_OK) {
        status = add_plain(command, located, err);
    }
    mem_free(located);
    return status;
}

/* Several classes of an image have a record each, one behind the other. */
static bool is_next_of(const struct rerun_record *record, size_t place) {
    const char *image = json_get_string(record->records.items[place], "image");
    const char *last =
        place == 0 ? NULL : json_get_string(record->records.items[place - 1], "image");
    return image != NULL && last != NULL && strcmp(image, last) == 0;
}

static enum vitlrp_status add_inputs(struct rerun_command *command,
                                     const struct rerun_record *record, const char *root,
                                     struct vitlrp_error *err) {
    TRY(add_plain(command, "--", err));
    if (record->verb == VERB_COMPARE) {
        const json_t *images = json_object_get(record->records.items[0], "images");
        for (size_t i = 0; i < json_array_size(images); i++) {
            TRY(add_input(command, json_array_get(images, i), "image", root, err));
        }
        return VITLRP_OK;
    }
    if (record->verb != VERB_EXPLAIN && record->verb != VERB_NEURONS) {
        return add_input(command, rerun_record_search(record), "dataset", root, err);
    }
    for (size_t i = 0; i < record->records.count; i++) {
        if (!is_next_of(record, i)) {
            TRY(add_input(command, record->records.items[i], "image", root, err));
        }
    }
    return VITLRP_OK;
}

/* ---- The whole ---- */

enum vitlrp_status rerun_command_make(const struct rerun_record *record, const struct args *own,
                                      const char *scratch, struct rerun_command *out,
                                      struct vitlrp_error *err) {
    *out = (struct rerun_command){0};
    TRY(add_plain(out, "vitlrp", err));
    TRY(add_plain(out, verb_name(record->verb), err));
    TRY(add_stated(out, json_object_get(record->run, "options"), own, err));
    TRY(add_own(out, own, err));
    TRY(add_method(out, record, err));
    TRY(add_reference(out, record, err));
    TRY(add_shard(out, record, err));
    TRY(add_results(out, record, scratch, err));
    TRY(add_inputs(out, record, own->value[OPTION_INPUT_ROOT], err));
    TRY(args_parse((int) out->count, out->words, &out->args, err));
    out->args.of_record = true;
    out->args.kept = own->value[OPTION_JSON];
    return VITLRP_OK;
}

void rerun_command_free(struct rerun_command *command) {
    args_free(&command->args);
    for (size_t i = 0; i < command->count; i++) {
        mem_free(command->words[i]);
    }
    mem_free(command->words);
    *command = (struct rerun_command){0};
}
