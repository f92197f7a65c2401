#define _GNU_SOURCE
#include "batch_plan.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/folder.h"
#include "base/left_out.h"
#include "base/mem.h"
#include "base/parse.h"
#include "batch_collisions.h"
#include "cli/args.h"
#include "cli/names.h"
#include "cli/operands.h"

/* ---- How many images may fail ---- */

#define MOST_IMAGES 10000000

static bool parse_percentage(const char *text, size_t digits, double *out) {
    char number[32];
    if (digits >= sizeof number) {
        return false;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    return parse_double(number, 0.0, 100.0, out);
}

bool batch_limit_parse(const char *text, struct batch_limit *limit) {
    size_t length = strlen(text);
    int64_t count = 0;
    *limit = (struct batch_limit){.text = text};
    limit->is_percentage = length > 0 && text[length - 1] == '%';
    if (limit->is_percentage) {
        return parse_percentage(text, length - 1, &limit->most);
    }
    bool parsed = parse_int64(text, 0, MOST_IMAGES, &count);
    limit->most = (double) count;
    return parsed;
}

bool batch_limit_is_passed(const struct batch_limit *limit, size_t failed, size_t done) {
    if (limit->text == NULL) {
        return false;
    }
    if (!limit->is_percentage) {
        return (double) failed > limit->most;
    }
    return done >= BATCH_LIMIT_LEAST && (double) failed * 100.0 > limit->most * (double) done;
}

#define MAX_LIMIT 10000000

const char *batch_file_word(enum batch_file file) {
    return option_choices(OPTION_WRITE)[file];
}

/* The kind of file that the first `length` bytes of `word` name; BATCH_FILES if none. */
static enum batch_file find_file(const char *word, size_t length) {
    enum batch_file file = BATCH_PNG;
    while (file < BATCH_FILES && (strlen(batch_file_word(file)) != length ||
                                  strncmp(batch_file_word(file), word, length) != 0)) {
        file++;
    }
    return file;
}

static enum vitlrp_status read_files(const char *value, bool writes[BATCH_FILES],
                                     struct vitlrp_error *err) {
    writes[BATCH_PNG] = value == NULL;
    for (const char *next = value; next != NULL;) {
        size_t length = strcspn(next, ",");
        enum batch_file file = find_file(next, length);
        if (file == BATCH_FILES) {
            return option_fail("--write", value,
                               "png, jpg, raw, logits, input or json, separated by commas", err);
        }
        writes[file] = true;
        next = next[length] == ',' ? next + length + 1 : NULL;
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_max_failures(const char *value, struct batch_limit *limit,
                                            struct vitlrp_error *err) {
    return value == NULL || batch_limit_parse(value, limit)
               ? VITLRP_OK
               : option_fail("--max-failures", value,
                             "a number of images from 0 to 10000000, or a percentage, as 5%", err);
}

enum vitlrp_status batch_choose(const struct args *args, struct batch_choice *choice,
                                struct vitlrp_error *err) {
    const char *const *value = args->value;
    *choice = (struct batch_choice){.shards = 1};
    if (args->operand_count != 1) {
        return fail(err, VITLRP_USAGE,
                    "%s takes one dataset: a folder, or a list of files (see vitlrp %s --help)",
                    verb_name(args->verb), verb_name(args->verb));
    }
    if (value[OPTION_OUTPUT] == NULL || value[OPTION_OUTPUT][0] == '\0') {
        return fail(err, VITLRP_USAGE, "%s needs a folder for its results (-o FOLDER)",
                    verb_name(args->verb));
    }
    TRY(operand_check_dataset(args->operands[0], err));
    choice->dataset = args->operands[0];
    choice->truth = value[OPTION_TRUTH];
    choice->folder = value[OPTION_OUTPUT];
    choice->retry_failed = value[OPTION_RETRY_FAILED] != NULL;
    choice->dry_run = value[OPTION_DRY_RUN] != NULL;
    TRY(read_max_failures(value[OPTION_MAX_FAILURES], &choice->max_failures, err));
    TRY(option_int("--limit", value[OPTION_LIMIT], 1, MAX_LIMIT, &choice->limit, err));
    TRY(option_shard(value[OPTION_SHARD], &choice->shard, &choice->shards, err));
    return read_files(value[OPTION_WRITE], choice->writes, err);
}

/* ---- The list of images ---- */

struct vitlrp_dataset_image batch_image_at(const struct vitlrp_dataset *dataset, size_t index) {
    struct vitlrp_dataset_image image = {0};
    enum vitlrp_status status = vitlrp_dataset_image_at(dataset, index, &image, NULL);
    return status == VITLRP_OK ? image : (struct vitlrp_dataset_image){.path = "", .id = ""};
}

struct vitlrp_dataset_image batch_plan_image(const struct batch_plan *plan, size_t place) {
    const struct batch_choice *choice = plan->choice;
    return batch_image_at(plan->dataset, (size_t) choice->shard + place * (size_t) choice->shards);
}

/* ---- Where the results go ---- */

/* Where a folder is or will be, every link followed; "" if even the one around it is missing. */
static void folder_resolve(const char *path, char out[2 * PATH_MAX]) {
    char folder[PATH_MAX] = ".";
    char resolved[PATH_MAX];
    size_t length = strlen(path);
    out[0] = '\0';
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (length >= PATH_MAX) {
        return;
    }
    if (realpath(path, resolved) != NULL) {
        memcpy(out, resolved, strlen(resolved) + 1);
        return;
    }
    size_t begin = length;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    if (begin > 0) {
        memcpy(folder, path, begin);
        folder[begin] = '\0';
    }
    if (realpath(folder, resolved) != NULL) {
        snprintf(out, (size_t) 2 * PATH_MAX, "%s/%.*s", resolved, (int) (length - begin),
                 path + begin);
    }
}

/* Results within the dataset would be images of its next run. */
static enum vitlrp_status check_folder(const struct batch_choice *choice,
                                       struct vitlrp_error *err) {
    char dataset[2 * PATH_MAX];
    char folder[2 * PATH_MAX];
    folder_resolve(choice->dataset, dataset);
    folder_resolve(choice->folder, folder);
    size_t length = strlen(dataset);
    if (length > 0 && strncmp(folder, dataset, length) == 0 &&
        (folder[length] == '/' || folder[length] == '\0')) {
        return error_prefix(err,
                            fail(err, VITLRP_USAGE,
                                 "lies within the dataset: the results would become its images "
                                 "(give a folder outside)"),
                            choice->folder);
    }
    return VITLRP_OK;
}

static bool writes_any(const struct batch_choice *choice) {
    bool any = false;
    for (enum batch_file file = BATCH_PNG; file < BATCH_FILES; file++) {
        any = any || choice->writes[file];
    }
    return any;
}

enum vitlrp_status batch_plan_open(const struct batch_choice *choice,
                                   const struct settings *settings,
                                   const struct vitlrp_model *model, struct batch_plan *plan,
                                   struct vitlrp_error *err) {
    struct vitlrp_dataset_options options;
    *plan = (struct batch_plan){.choice = choice};
    plan->is_folder = folder_is(choice->dataset);
    if (plan->is_folder && choice->folder != NULL) {
        TRY(check_folder(choice, err));
    }
    vitlrp_dataset_options_init(&options);
    options.path = choice->dataset;
    options.truth = choice->truth;
    options.target = settings->wants_label ? VITLRP_EVAL_LABEL : VITLRP_EVAL_PREDICTED;
    options.limit = (size_t) choice->limit;
    options.inputs = settings->inputs;
    enum vitlrp_status status = vitlrp_dataset_open(model, &options, &plan->dataset, err);
    if (status != VITLRP_OK) {
        err->topic = VITLRP_TOPIC_NONE; /* eval's option; batch takes labels only if asked to */
        return status;
    }
    vitlrp_dataset_info_init(&plan->info);
    vitlrp_dataset_describe(plan->dataset, &plan->info);
    size_t shard = (size_t) choice->shard;
    size_t shards = (size_t) choice->shards;
    plan->count = plan->info.images > shard ? (plan->info.images - shard - 1) / shards + 1 : 0;
    return writes_any(choice) ? batch_check_collisions(plan, settings_classes(settings) > 1, err)
                              : VITLRP_OK;
}

bool batch_plan_is_gone(const struct batch_plan *plan) {
    struct stat info;
    return plan->is_folder && stat(plan->choice->dataset, &info) != 0;
}

void batch_plan_warn(const struct batch_plan *plan, const struct console *console) {
    const struct vitlrp_dataset_info *info = &plan->info;
    left_out_warn(&(struct left_out){.unread = info->unread,
                                     .first_unread = info->first_unread,
                                     .skipped = info->skipped,
                                     .found = info->found,
                                     .own = info->own_pictures,
                                     .not_read = info->not_read,
                                     .kinds = info->not_read_kinds,
                                     .silent_truth = info->silent_truth},
                  &(struct vitlrp_log){console_log, (void *) console});
}

void batch_plan_close(struct batch_plan *plan) {
    vitlrp_dataset_close(plan->dataset);
    *plan = (struct batch_plan){0};
}

static enum vitlrp_status check_absent(const struct batch_plan *plan, const char *stem,
                                       bool several_classes, struct vitlrp_error *err) {
    for (enum batch_file file = BATCH_PNG; file < BATCH_KINDS; file++) {
        struct text path = {.limit = NAME_LIMIT};
        struct stat info;
        const char *folder = batch_file_folder(file);
        text_printf(&path, "%s/%s%s%s", plan->choice->folder, folder, folder[0] == '\0' ? "" : "/",
                    stem);
        batch_append_suffix(&path, file, -1);
        bool known = batch_choice_writes(plan->choice, file) && !several_classes && !path.failed;
        enum vitlrp_status status = text_check_memory(&path, "the name of a result", err);
        if (known && lstat(path.data, &info) == 0) {
            status = fail(err, VITLRP_USAGE,
                          "exists, and no run of batch made it (give another folder)");
            error_prefix(err, status, path.data);
        }
        text_free(&path);
        TRY(status);
    }
    return VITLRP_OK;
}

enum vitlrp_status batch_plan_check_new(const struct batch_plan *plan, bool several_classes,
                                        struct vitlrp_error *err) {
    struct text stem = {.limit = NAME_LIMIT};
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < plan->count && status == VITLRP_OK; i++) {
        stem.length = 0;
        status = batch_stem(batch_plan_image(plan, i).id, &stem, err);
        if (status == VITLRP_OK) {
            status = check_absent(plan, stem.data, several_classes, err);
        }
    }
    text_free(&stem);
    return status;
}

/* ---- Names of files ---- */

#define MAX_SHARDS 1000000
#define LONGEST_SUFFIX ".heat.100000.json"

static const struct {
    const char *before, *after; /* of the class */
    bool of_class;
} SUFFIXES[BATCH_KINDS] = {
    [BATCH_PNG] = {".heat", ".png", true},     [BATCH_JPG] = {".heat", ".jpg", true},
    [BATCH_RAW] = {".raw", ".npy", true},      [BATCH_LOGITS] = {".logits", ".npy", false},
    [BATCH_INPUT] = {".input", ".npy", false}, [BATCH_JSON] = {".heat", ".json", false},
    [BATCH_PHOTO] = {".photo", ".jpg", false}, [BATCH_THUMB] = {".thumb", ".jpg", true},
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
    TRY(text_check_memory(out, "the name of a result", err));
    return out->failed || out->length == 0
               ? fail(err, VITLRP_LIMIT, "an image's name is empty or longer than %zu bytes",
                      NAME_LIMIT)
               : VITLRP_OK;
}

bool batch_choice_writes(const struct batch_choice *choice, enum batch_file file) {
    return file < BATCH_FILES ? choice->writes[file]
                              : choice->writes[BATCH_PNG] || choice->writes[BATCH_JPG];
}

const char *batch_file_folder(enum batch_file file) {
    return file < BATCH_FILES ? "" : BATCH_THUMBS;
}

bool batch_file_is_of_class(enum batch_file file) {
    return SUFFIXES[file].of_class;
}

void batch_append_suffix(struct text *out, enum batch_file file, int32_t class_index) {
    text_append_string(out, SUFFIXES[file].before);
    if (SUFFIXES[file].of_class && class_index >= 0) {
        text_printf(out, ".%d", class_index);
    }
    text_append_string(out, SUFFIXES[file].after);
}

size_t batch_stem_length(const char *name, size_t length, enum batch_file file, bool several) {
    size_t before = strlen(SUFFIXES[file].before);
    size_t after = strlen(SUFFIXES[file].after);
    if (length <= before + after ||
        memcmp(name + length - after, SUFFIXES[file].after, after) != 0) {
        return 0;
    }
    length -= after;
    if (several && SUFFIXES[file].of_class) {
        size_t end = length;
        while (length > 0 && name[length - 1] >= '0' && name[length - 1] <= '9') {
            length--;
        }
        if (length == end || length == 0 || name[--length] != '.') {
            return 0;
        }
    }
    return length > before && memcmp(name + length - before, SUFFIXES[file].before, before) == 0
               ? length - before
               : 0;
}

bool batch_name_is_control(const char *name) {
    static const char *const NAMES[] = {BATCH_HIDDEN, BATCH_PAGE, "results.jsonl"};
    static const char RESULTS[] = "results.";
    int32_t shard;
    int32_t shards;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    /* A shard's results are called as its run is, but for both ends. */
    char run[NAME_MAX + 1] = "";
    size_t length = strlen(name);
    if (strncmp(name, RESULTS, strlen(RESULTS)) == 0 && length > strlen(RESULTS) + 6 &&
        length <= NAME_MAX && strcmp(name + length - 6, ".jsonl") == 0) {
        size_t between = length - strlen(RESULTS) - 6;
        snprintf(run, sizeof run, "run.%.*s.json", (int) between, name + strlen(RESULTS));
    }
    bool is_results = run[0] != '\0' && batch_parse_run_name(run, &shard, &shards);
    return is_results || batch_parse_run_name(name, &shard, &shards);
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

void batch_append_path(struct text *out, const char *path, bool escaped) {
    if (escaped) {
        text_append_unescaped(out, path);
    } else {
        text_append_string(out, path);
    }
}
