#include "batch_config.h"

#include <string.h>

#include "base/formats.h"
#include "base/json_compare.h"
#include "base/sha256.h"
#include "base/words.h"
#include "cli/explanation.h"
#include "cli/run_record.h"

#define CONFIG_LIMIT ((size_t) 1 << 24)
#define MOST_IMAGES INT64_C(10000000)
#define MOST_DIFFERENCES 3
#define LIBRARY_TEXT 256

#define CONTENT "manifest.content_sha256"
#define OF_MODEL "configuration."
#define RUN "run"
#define OF_PICTURE "settings.picture."

/* Says that a record was of an older format when it was read. */
#define UPGRADED "upgraded_from"

/* What may differ: names of the same things, the command that has them, and the part of the work.
 * What the images' files hold is compared image by image, or for itself. */
static const char *const NAMES_ONLY[] = {"dataset", "model", "shard", UPGRADED, CONTENT, RUN};

static json_t *text_or_null(const char *text) {
    return text == NULL ? json_null() : json_text(text);
}

static json_t *json_target(const struct settings *settings, bool *complete) {
    json_t *object = json_object();
    json_set(object, "class", text_or_null(settings->class_text), complete);
    json_set(object, "top", json_integer(settings->top > 0 ? settings->top : 1), complete);
    json_set(object, "versus", text_or_null(settings->versus_text), complete);
    return object;
}

static json_t *json_preprocess(const struct explain_session *state, bool *complete) {
    json_t *object = json_object();
    json_set_preprocess(object, &state->preprocess, complete);
    json_set(object, "ignore_exif", json_boolean(state->settings->preprocess.ignore_exif),
             complete);
    return object;
}

static json_t *json_picture(const struct settings *settings, bool *complete) {
    const struct vitlrp_render_options *render = &settings->render;
    json_t *object = json_object();
    json_set(object, "style", json_string(word_of(WORDS_STYLE, render->style)), complete);
    json_set(object, "cmap", json_string(render->colormap), complete);
    json_set(object, "level", json_string(option_choices(OPTION_LEVEL)[settings->level]), complete);
    json_set(object, "upsample", json_string(word_of(WORDS_UPSAMPLE, render->upsample)), complete);
    json_set(object, "opacity",
             render->opacity < 0.0F ? json_string("auto") : json_float32(render->opacity),
             complete);
    json_set(object, "underlay", json_string(word_of(WORDS_UNDERLAY, render->underlay)), complete);
    json_set(object, "contours", json_integer(render->contours), complete);
    json_set(object, "max_side", json_integer(settings->max_side), complete);
    json_set(object, "top_percent", json_float32(render->top_percent), complete);
    json_set(object, "top_as", json_string(word_of(WORDS_TOP_AS, render->top_as)), complete);
    json_set(object, "caption", json_string(option_choices(OPTION_CAPTION)[settings->caption]),
             complete);
    json_set(object, "scale",
             render->scale > 0.0F ? json_float32(render->scale) : json_string("auto"), complete);
    json_set(
        object, "range",
        render->range_low < render->range_high
            ? json_pack("[oo]", json_float32(render->range_low), json_float32(render->range_high))
            : json_string("auto"),
        complete);
    return object;
}

static json_t *json_writes(const struct batch_choice *choice, bool *complete) {
    json_t *list = json_array();
    for (enum batch_file file = BATCH_PNG; file < BATCH_FILES; file++) {
        if (choice->writes[file]) {
            json_add(list, json_string(batch_file_word(file)), complete);
        }
    }
    return list;
}

static json_t *json_arithmetic_used(const struct explain_session *state) {
    char library[LIBRARY_TEXT];
    vitlrp_backend_describe(state->info.backend, library, sizeof library);
    const struct json_arithmetic arithmetic = {.backend = state->info.backend,
                                               .library = library,
                                               .kernels = state->info.instruction_set,
                                               .precision = state->info.precision};
    return json_arithmetic(&arithmetic);
}

/* Everything that the options decide beside the model, with the defaults in their places. */
static json_t *json_settings(const struct batch_plan *plan, const struct explain_session *state,
                             bool *complete) {
    const struct settings *settings = state->settings;
    json_t *object = json_object();
    json_set(object, "target", json_target(settings, complete), complete);
    json_set(object, "method", json_string(settings->method_info.name), complete);
    json_set(
        object, "parameters",
        json_method_parameters(&settings->method_info, &settings->method, state->info.precision),
        complete);
    json_set(object, "preprocess", json_preprocess(state, complete), complete);
    json_set(object, "picture", json_picture(settings, complete), complete);
    json_set(object, "write", json_writes(plan->choice, complete), complete);
    json_set(object, "limit",
             plan->choice->limit > 0 ? json_integer(plan->choice->limit) : json_null(), complete);
    json_set(object, "arithmetic", json_arithmetic_used(state), complete);
    return object;
}

enum vitlrp_status batch_config_hash(const json_t *settings, char digest[SHA256_TEXT],
                                     struct vitlrp_error *err) {
    struct text text = {.limit = CONFIG_LIMIT};
    json_append(&text, settings, 0);
    enum vitlrp_status status = text_check(&text, "the run's settings", err);
    if (status == VITLRP_OK) {
        status = sha256_bytes(text.data, text.length, digest, err);
    }
    text_free(&text);
    return status;
}

static enum vitlrp_status make_settings(const struct batch_plan *plan,
                                        const struct explain_session *state, json_t **out,
                                        char digest[SHA256_TEXT], struct vitlrp_error *err) {
    bool complete = true;
    *out = json_settings(plan, state, &complete);
    return complete ? batch_config_hash(*out, digest, err)
                    : fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
}

static json_t *json_manifest(const struct vitlrp_dataset_info *info) {
    return json_pack("{s:I, s:I, s:s, s:s, s:s}", "count", (json_int_t) info->manifest, "skipped",
                     (json_int_t) info->skipped, "sha256", info->sha256, "truth_sha256",
                     info->truth_sha256, "content_sha256", info->content_sha256);
}

enum vitlrp_status batch_config_make(const struct batch_plan *plan,
                                     const struct explain_session *state, json_t **out,
                                     struct vitlrp_error *err) {
    char digest[SHA256_TEXT] = "";
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
    json_set(config, "format", json_string(FORMAT_BATCH), &complete);
    json_set(config, "version", json_string(vitlrp_version()), &complete);
    json_set(config, "model", json_text(info.name), &complete);
    if (state->record !=
        NULL) { /* measurements are of random models too, and nobody resumes them */
        json_set_model(config, state->record, &complete);
    }
    if (state->record != NULL) {
        json_set(config, RUN, json_run(state->settings, &complete), &complete);
    }
    json_set(config, "dataset", json_text(plan->choice->dataset), &complete);
    json_set(config, "manifest", json_manifest(&plan->info), &complete);
    if (plan->choice->shards > 1) {
        json_set(
            config, "shard",
            json_pack("{s:i, s:i}", "index", plan->choice->shard, "count", plan->choice->shards),
            &complete);
    }
    json_set(config, "settings", settings, &complete);
    json_set(config, "settings_sha256", json_string(digest), &complete);
    if (!complete) {
        json_decref(config);
        return fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
    }
    *out = config;
    return VITLRP_OK;
}

/* ---- Reading ---- */

/* [width, height] in the older format. */
static void turn_crop(json_t *preprocess, bool *complete) {
    const json_t *crop = json_object_get(preprocess, "crop");
    json_set(preprocess, "crop",
             json_pack("[OO]", json_array_get(crop, 1), json_array_get(crop, 0)), complete);
}

/* The older format has the backend's name only: null stands for what it does not say. */
static void add_arithmetic(json_t *settings, bool *complete) {
    json_t *backend = json_object_get(settings, "backend");
    json_t *precision = json_object_get(json_object_get(settings, "parameters"), "precision");
    json_set(settings, "arithmetic",
             json_pack("{s:O, s:n, s:n, s:O}", "backend", backend, "library", "kernels",
                       "precision", precision),
             complete);
    json_object_del(settings, "backend");
}

/* The older formats have only this of the model's configuration, among the settings. */
static void add_configuration(json_t *config, json_t *settings, bool *complete) {
    json_t *files = json_object();
    const char *labels = json_get_string(settings, "labels_sha256");
    if (labels != NULL) {
        json_set(files, "labels", json_string(labels), complete);
    }
    json_set(config, "configuration",
             json_pack("{s:O, s:o}", "heads", json_object_get(settings, "heads"), "files", files),
             complete);
    json_object_del(settings, "heads");
    json_object_del(settings, "labels_sha256");
}

/* From an older format to this one. A member that must be there and is not is FORMAT. */
static enum vitlrp_status config_upgrade(json_t *config, const char *format,
                                         struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    bool complete = true;
    json_t *settings = json_object_get(config, "settings");
    const char *from = FORMAT_BATCH_2_OLD;
    if (strcmp(format, FORMAT_BATCH_OLD) == 0) {
        from = FORMAT_BATCH_OLD;
        turn_crop(json_object_get(settings, "preprocess"), &complete);
        add_arithmetic(settings, &complete);
    }
    add_configuration(config, settings, &complete);
    if (!complete) {
        return fail(err, VITLRP_FORMAT, "lacks settings of a batch");
    }
    TRY(batch_config_hash(settings, digest, err));
    json_set(config, "format", json_string(FORMAT_BATCH), &complete);
    json_set(config, "settings_sha256", json_string(digest), &complete);
    json_set(config, UPGRADED, json_string(from), &complete);
    return complete ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
}

enum vitlrp_status batch_config_read(const char *path, json_t **out, struct vitlrp_error *err) {
    json_t *config = NULL;
    enum vitlrp_status status = VITLRP_OK;
    TRY(json_read_object(path, CONFIG_LIMIT, &config, err));
    const char *format = json_get_string(config, "format");
    if (format != NULL &&
        (strcmp(format, FORMAT_BATCH_OLD) == 0 || strcmp(format, FORMAT_BATCH_2_OLD) == 0)) {
        status = config_upgrade(config, format, err);
    } else if (format == NULL || strcmp(format, FORMAT_BATCH) != 0) {
        status = fail(err, VITLRP_FORMAT, "is not the record of a batch of this version");
    }
    if (status == VITLRP_OK) {
        status = batch_config_check(config, err);
    }
    if (status != VITLRP_OK) {
        json_decref(config);
        return error_prefix(err, status, path);
    }
    *out = config;
    return VITLRP_OK;
}

/* True if it was read from a file of an older format. */
static bool is_upgraded(const json_t *config) {
    return json_object_get(config, UPGRADED) != NULL;
}

enum vitlrp_status batch_config_write(const json_t *config, struct text *out,
                                      struct vitlrp_error *err) {
    json_append(out, config, 2);
    text_append_string(out, "\n");
    return text_check(out, "the run's settings", err);
}

/* ---- Differences ---- */

struct differences {
    const char *first, *second;
    bool with_older;   /* one of the two is of an older format */
    struct text model; /* the first difference of the models */
    struct text list;  /* the others */
    size_t count;
};

static bool is_name_only(const char *path) {
    for (size_t i = 0; i < sizeof NAMES_ONLY / sizeof NAMES_ONLY[0]; i++) {
        if (strcmp(path, NAMES_ONLY[i]) == 0) {
            return true;
        }
    }
    return strcmp(path, "settings_sha256") == 0; /* the settings themselves say more */
}

static bool begins_with(const char *path, const char *prefix) {
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

/* What an older format does not say: some of the arithmetic, the file of labels, and of the model
 * all but the weights, the heads and the names of its classes. */
static bool is_unknown(const struct differences *differences, const char *path, const json_t *a,
                       const json_t *b) {
    if (begins_with(path, "settings.arithmetic.")) {
        return json_is_null(a) || json_is_null(b);
    }
    bool absent = a == NULL || b == NULL;
    if (differences->with_older && begins_with(path, OF_PICTURE)) {
        return absent || strcmp(path, OF_PICTURE "cmap") == 0; /* its default was "bwr" */
    }
    bool of_model = begins_with(path, OF_MODEL);
    return differences->with_older && absent &&
           (of_model ? strcmp(path, OF_MODEL "files.labels") != 0
                     : strcmp(path, "manifest.truth_sha256") == 0);
}

static void note_difference(void *user, const char *path, const json_t *a, const json_t *b) {
    struct differences *differences = user;
    bool of_model = begins_with(path, OF_MODEL);
    if (is_unknown(differences, path, a, b)) {
        return;
    }
    if (of_model || strcmp(path, "weights_sha256") == 0) {
        if (differences->model.length == 0) {
            json_append_change(&differences->model, path + (of_model ? strlen(OF_MODEL) : 0), a, b);
        }
        return;
    }
    if (differences->count++ >= MOST_DIFFERENCES) {
        return;
    }
    struct text *list = &differences->list;
    text_append_string(list, list->length > 0 ? "; " : "");
    text_printf(list, "%s is ", path);
    json_append_shown(list, a);
    text_printf(list, " in %s and ", differences->first);
    json_append_shown(list, b);
    text_printf(list, " in %s", differences->second);
}

/* Another model says more than what follows from it. */
static enum vitlrp_status fail_differences(struct differences *differences,
                                           struct vitlrp_error *err) {
    if (differences->model.length > 0) {
        return fail(err, VITLRP_MISMATCH, "another model: %s",
                    differences->model.failed ? "it differs" : differences->model.data);
    }
    if (differences->count > MOST_DIFFERENCES) {
        text_printf(&differences->list, "; and %zu more", differences->count - MOST_DIFFERENCES);
    }
    return fail(err, VITLRP_MISMATCH, "%s",
                differences->list.failed ? "the settings differ" : differences->list.data);
}

enum vitlrp_status batch_config_compare(const json_t *a, const json_t *b, const char *first,
                                        const char *second, struct vitlrp_error *err) {
    struct differences differences = {.first = first,
                                      .second = second,
                                      .with_older = is_upgraded(a) || is_upgraded(b),
                                      .model = {.limit = 1024},
                                      .list = {.limit = (size_t) 1 << 16}};
    const struct json_comparison comparison = {
        .leaves_out = is_name_only, .note = note_difference, .user = &differences};
    json_t *left = json_copy((json_t *) a);
    json_t *right = json_copy((json_t *) b);
    enum vitlrp_status status = VITLRP_OK;
    if (left == NULL || right == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
    } else {
        /* A record of an older format is of an older program. */
        if (differences.with_older) {
            json_object_del(left, "version");
            json_object_del(right, "version");
        }
        if (!json_compare(&comparison, left, right)) {
            status = fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
        }
    }
    if (status == VITLRP_OK && (differences.model.length > 0 || differences.count > 0)) {
        status = fail_differences(&differences, err);
    }
    json_decref(left);
    json_decref(right);
    text_free(&differences.model);
    text_free(&differences.list);
    return status;
}

enum vitlrp_status batch_config_compare_content(const json_t *a, const json_t *b,
                                                struct vitlrp_error *err) {
    const json_t *was = json_object_get(a, "manifest");
    const json_t *is = json_object_get(b, "manifest");
    const char *first = json_get_string(was, "content_sha256");
    const char *second = json_get_string(is, "content_sha256");
    if (first != NULL && second != NULL && strcmp(first, second) != 0) {
        return fail(err, VITLRP_MISMATCH,
                    "another data set: " CONTENT " was %.12s..., is %.12s... (images changed under "
                    "their names: run the shards again)",
                    first, second);
    }
    return VITLRP_OK;
}

enum vitlrp_status batch_config_images(const json_t *config, size_t *images,
                                       struct vitlrp_error *err) {
    int64_t count = -1;
    TRY(json_get_int(json_object_get(config, "manifest"), "count", 0, MOST_IMAGES, &count, err));
    if (count < 0) {
        return fail(err, VITLRP_FORMAT, "does not state how many images there are");
    }
    *images = (size_t) count;
    return VITLRP_OK;
}
