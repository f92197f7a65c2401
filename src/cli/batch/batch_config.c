#include "batch_config.h"

#include <string.h>

#include "base/file.h"
#include "cli/json_report.h"

#define FORMAT_NAME "vitlrp batch 1"
#define CONFIG_LIMIT ((size_t) 1 << 24)
#define MOST_IMAGES INT64_C(10000000)
#define MOST_DIFFERENCES 3
#define SHOWN_VALUE 40

/* What may differ: names of the same things, and the part of the work. */
static const char *const NAMES_ONLY[] = {"dataset", "model", "shard"};

static void set(json_t *object, const char *key, json_t *value, bool *complete) {
    if (json_object_set_new(object, key, value) != 0) {
        *complete = false;
    }
}

static json_t *text_or_null(const char *text) {
    return text == NULL ? json_null() : json_text(text);
}

static enum vitlrp_status hash_text(const char *data, size_t size, char digest[65],
                                    struct vitlrp_error *err) {
    struct source source = source_over(data, size);
    return source_sha256(&source, digest, err);
}

static enum vitlrp_status hash_file(const char *path, char digest[65], struct vitlrp_error *err) {
    struct source source;
    TRY(source_open(path, &source, err));
    enum vitlrp_status status = error_prefix(err, source_sha256(&source, digest, err), path);
    source_close(&source);
    return status;
}

static json_t *json_target(const struct settings *settings, bool *complete) {
    json_t *object = json_object();
    const char *text = settings->class_is_label ? "label" : settings->class_text;
    set(object, "class", text_or_null(text), complete);
    set(object, "top", json_integer(settings->top > 0 ? settings->top : 1), complete);
    set(object, "versus", text_or_null(settings->versus_text), complete);
    return object;
}

static json_t *json_preprocess(const struct explain_session *state, bool *complete) {
    static const char *const RESIZES[] = {"short", "squash", "none"};
    const struct vitlrp_preprocess *preprocess = &state->preprocess;
    json_t *object = json_object();
    bool bicubic = preprocess->interpolation == VITLRP_BICUBIC;
    set(object, "resize", json_string(RESIZES[preprocess->resize]), complete);
    set(object, "resize_to", json_integer(preprocess->resize_to), complete);
    set(object, "interpolation", json_string(bicubic ? "bicubic" : "bilinear"), complete);
    set(object, "crop", json_pack("[ii]", preprocess->crop_width, preprocess->crop_height),
        complete);
    set(object, "mean", json_triple(preprocess->mean), complete);
    set(object, "std", json_triple(preprocess->std), complete);
    set(object, "ignore_exif", json_boolean(state->settings->preprocess.ignore_exif), complete);
    return object;
}

static json_t *json_picture(const struct settings *settings, bool *complete) {
    static const char *const STYLES[] = {"overlay", "heat", "panel"};
    static const char *const UPSAMPLES[] = {"nearest", "bilinear", "bicubic"};
    const struct vitlrp_render_options *render = &settings->render;
    json_t *object = json_object();
    set(object, "style", json_string(STYLES[render->style]), complete);
    set(object, "cmap", json_string(render->colormap), complete);
    set(object, "level", json_string(settings->level == LEVEL_PIXEL ? "pixel" : "patch"), complete);
    set(object, "upsample", json_string(UPSAMPLES[render->upsample]), complete);
    set(object, "opacity",
        render->opacity < 0.0F ? json_string("auto") : json_float32(render->opacity), complete);
    set(object, "scale", render->scale > 0.0F ? json_float32(render->scale) : json_string("auto"),
        complete);
    return object;
}

static json_t *json_writes(const struct batch_choice *choice, bool *complete) {
    json_t *list = json_array();
    for (enum batch_file file = BATCH_PNG; file < BATCH_FILES; file++) {
        if (choice->writes[file] &&
            json_array_append_new(list, json_string(batch_file_word(file))) != 0) {
            *complete = false;
        }
    }
    return list;
}

/* Everything that the options decide, with the defaults in their places. */
static json_t *json_settings(const struct batch_plan *plan, const struct explain_session *state,
                             const char *labels_sha256, bool *complete) {
    const struct settings *settings = state->settings;
    json_t *object = json_object();
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(state->model, &info);
    set(object, "target", json_target(settings, complete), complete);
    set(object, "method", json_string(settings->method_info.name), complete);
    set(object, "parameters",
        json_method_parameters(&settings->method_info, &settings->method, state->info.precision),
        complete);
    set(object, "preprocess", json_preprocess(state, complete), complete);
    set(object, "picture", json_picture(settings, complete), complete);
    set(object, "write", json_writes(plan->choice, complete), complete);
    set(object, "limit", plan->choice->limit > 0 ? json_integer(plan->choice->limit) : json_null(),
        complete);
    set(object, "heads", json_integer(info.heads), complete);
    set(object, "labels_sha256", text_or_null(labels_sha256), complete);
    set(object, "backend", json_string(state->info.backend), complete);
    return object;
}

static enum vitlrp_status make_settings(const struct batch_plan *plan,
                                        const struct explain_session *state, json_t **out,
                                        char digest[65], struct vitlrp_error *err) {
    char labels[65];
    const char *path = state->settings->labels_path;
    bool complete = true;
    struct text text = {.limit = CONFIG_LIMIT};
    if (path != NULL) {
        TRY(hash_file(path, labels, err));
    }
    *out = json_settings(plan, state, path == NULL ? NULL : labels, &complete);
    json_append(&text, *out, 0);
    enum vitlrp_status status =
        !complete || text.failed ? fail(err, VITLRP_NOMEM, "out of memory for the run's settings")
                                 : hash_text(text.data, text.length, digest, err);
    text_free(&text);
    return status;
}

enum vitlrp_status batch_config_make(const struct batch_plan *plan,
                                     const struct explain_session *state, json_t **out,
                                     struct vitlrp_error *err) {
    char digest[65] = "";
    bool complete = true;
    json_t *settings = NULL;
    struct vitlrp_model_info info;
    enum vitlrp_status status = make_settings(plan, state, &settings, digest, err);
    if (status != VITLRP_OK) {
        json_decref(settings);
        return status;
    }
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(state->model, &info);
    json_t *config = json_object();
    json_t *manifest = json_object();
    set(manifest, "count", json_integer((json_int_t) plan->info.manifest), &complete);
    set(manifest, "skipped", json_integer((json_int_t) plan->info.skipped), &complete);
    set(manifest, "sha256", json_string(plan->info.sha256), &complete);
    set(config, "format", json_string(FORMAT_NAME), &complete);
    set(config, "version", json_string(vitlrp_version()), &complete);
    set(config, "model", json_text(info.name), &complete);
    set(config, "weights_sha256", json_string(state->weights_sha256), &complete);
    set(config, "dataset", json_text(plan->choice->dataset), &complete);
    set(config, "manifest", manifest, &complete);
    if (plan->choice->shards > 1) {
        set(config, "shard",
            json_pack("{s:i, s:i}", "index", plan->choice->shard, "count", plan->choice->shards),
            &complete);
    }
    set(config, "settings", settings, &complete);
    set(config, "settings_sha256", json_string(digest), &complete);
    if (!complete) {
        json_decref(config);
        return fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
    }
    *out = config;
    return VITLRP_OK;
}

enum vitlrp_status batch_config_read(const char *path, json_t **out, struct vitlrp_error *err) {
    json_t *config = NULL;
    TRY(json_read_object(path, CONFIG_LIMIT, &config, err));
    const char *format = json_get_string(config, "format");
    if (format == NULL || strcmp(format, FORMAT_NAME) != 0) {
        json_decref(config);
        return error_prefix(
            err, fail(err, VITLRP_FORMAT, "is not the record of a batch of this version"), path);
    }
    *out = config;
    return VITLRP_OK;
}

enum vitlrp_status batch_config_write(const json_t *config, struct text *out,
                                      struct vitlrp_error *err) {
    json_append(out, config, 2);
    text_append_string(out, "\n");
    return out->failed ? fail(err, VITLRP_NOMEM, "out of memory for the run's settings")
                       : VITLRP_OK;
}

/* ---- Differences ---- */

struct differences {
    const char *first, *second;
    struct text list;
    size_t count;
};

static void append_value(struct text *out, const json_t *value) {
    struct text text = {.limit = CONFIG_LIMIT};
    char shown[SHOWN_VALUE + 8];
    if (value == NULL) {
        text_append_string(out, "absent");
        return;
    }
    json_append(&text, value, 0);
    bool cut = !text.failed && text.length > SHOWN_VALUE;
    if (cut) {
        text.data[SHOWN_VALUE] = '\0';
    }
    text_escape_name(shown, sizeof shown, text.failed ? "?" : text.data);
    text_printf(out, "%s%s", shown, cut ? "..." : "");
    text_free(&text);
}

static bool is_name_only(const char *path) {
    for (size_t i = 0; i < sizeof NAMES_ONLY / sizeof NAMES_ONLY[0]; i++) {
        if (strcmp(path, NAMES_ONLY[i]) == 0) {
            return true;
        }
    }
    return strcmp(path, "settings_sha256") == 0; /* the settings themselves say more */
}

static void note_difference(struct differences *differences, const char *path, const json_t *a,
                            const json_t *b) {
    if (differences->count++ >= MOST_DIFFERENCES) {
        return;
    }
    struct text *list = &differences->list;
    text_append_string(list, list->length > 0 ? "; " : "");
    text_printf(list, "%s is ", path);
    append_value(list, a);
    text_printf(list, " in %s and ", differences->first);
    append_value(list, b);
    text_printf(list, " in %s", differences->second);
}

static void compare(struct differences *differences, const char *path, json_t *a, json_t *b);

/* The members of `a`; with `only_missing` those that `b` has not. */
static void compare_members(struct differences *differences, const char *path, json_t *a, json_t *b,
                            bool swapped) {
    const char *key;
    json_t *value;
    json_object_foreach(a, key, value) {
        struct text name = {.limit = 256};
        text_printf(&name, "%s%s%s", path, path[0] == '\0' ? "" : ".", key);
        json_t *other = json_object_get(b, key);
        if (!name.failed && !is_name_only(name.data) && (!swapped || other == NULL)) {
            compare(differences, name.data, swapped ? NULL : value, swapped ? value : other);
        }
        text_free(&name);
    }
}

/* Neither format has deep values: the recursion ends with them. */
static void compare(struct differences *differences, const char *path, json_t *a, json_t *b) {
    if (json_is_object(a) && json_is_object(b)) {
        compare_members(differences, path, a, b, false);
        compare_members(differences, path, b, a, true);
        return;
    }
    struct text first = {.limit = CONFIG_LIMIT};
    struct text second = {.limit = CONFIG_LIMIT};
    if (a != NULL) {
        json_append(&first, a, 0);
    }
    if (b != NULL) {
        json_append(&second, b, 0);
    }
    if (first.length != second.length ||
        (first.length > 0 && memcmp(first.data, second.data, first.length) != 0)) {
        note_difference(differences, path, a, b);
    }
    text_free(&first);
    text_free(&second);
}

enum vitlrp_status batch_config_compare(const json_t *a, const json_t *b, const char *first,
                                        const char *second, struct vitlrp_error *err) {
    struct differences differences = {
        .first = first, .second = second, .list = {.limit = (size_t) 1 << 16}};
    json_t *left = json_copy((json_t *) a);
    json_t *right = json_copy((json_t *) b);
    enum vitlrp_status status = VITLRP_OK;
    if (left == NULL || right == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
    } else {
        compare(&differences, "", left, right);
    }
    if (differences.count > 0) {
        size_t more =
            differences.count > MOST_DIFFERENCES ? differences.count - MOST_DIFFERENCES : 0;
        if (more > 0) {
            text_printf(&differences.list, "; and %zu more", more);
        }
        status = fail(err, VITLRP_MISMATCH, "%s",
                      differences.list.failed ? "the settings differ" : differences.list.data);
    }
    json_decref(left);
    json_decref(right);
    text_free(&differences.list);
    return status;
}

enum vitlrp_status batch_config_images(const json_t *config, size_t *images,
                                       struct vitlrp_error *err) {
    int64_t count = -1;
    TRY(json_get_int(json_object_get(config, "manifest"), "count", 0, MOST_IMAGES, &count, err));
    if (count < 0) {
        return fail(err, VITLRP_FORMAT, "does not tell how many images there are");
    }
    *images = (size_t) count;
    return VITLRP_OK;
}
