#include "concepts_config.h"

#include <string.h>

#include "base/formats.h"
#include "base/words.h"
#include "cli/batch/batch_config.h"

#define DEFAULT_KEEP 16
#define MOST_KEEP 1000
#define MOST_SHARDS INT64_C(1000000)

/* Those of vitlrp_session_inside. */
static bool shows_units(const char *method) {
    static const char *const METHODS[] = {"attnlrp", "attnlrp-eps", "cp-lrp", "libra",
                                          "input-x-gradient"};
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        if (strcmp(method, METHODS[i]) == 0) {
            return true;
        }
    }
    return false;
}

enum vitlrp_status concepts_choose(const struct args *args, const struct settings *settings,
                                   struct concepts_choice *choice, struct vitlrp_error *err) {
    int site = VITLRP_SITE_FC1;
    int statistic = CONCEPTS_SUM;
    int64_t keep = DEFAULT_KEEP;
    *choice = (struct concepts_choice){0};
    TRY(batch_choose(args, &choice->images, err));
    TRY(option_choice(args, OPTION_SITE, &site, err));
    TRY(option_choice(args, OPTION_STATISTIC, &statistic, err));
    TRY(option_whole(args, OPTION_KEEP, 1, MOST_KEEP, &keep, err));
    if (!shows_units(settings->method_info.name)) {
        return option_fail("--method", settings->method_info.name,
                           "attnlrp, attnlrp-eps, cp-lrp, libra or input-x-gradient, which show "
                           "hidden units",
                           err);
    }
    if (settings_classes(settings) > 1) {
        return fail(err, VITLRP_USAGE,
                    "--class: an image counts once in an index of units (give one class, or "
                    "predicted or label)");
    }
    memset(choice->images.writes, 0, sizeof choice->images.writes);
    choice->site = (enum vitlrp_site) site;
    choice->statistic = (enum concepts_statistic) statistic;
    choice->keep = (int32_t) keep;
    return VITLRP_OK;
}

/* What of a batch's settings is of pictures gives way to what is of units. */
static void set_settings(json_t *settings, const struct concepts_choice *choice, bool *complete) {
    json_t *units = json_object();
    json_object_del(settings, "picture");
    json_object_del(settings, "write");
    json_set(units, "site", json_string(word_of(WORDS_SITE, (int) choice->site)), complete);
    json_set(units, "statistic", json_string(option_choices(OPTION_STATISTIC)[choice->statistic]),
             complete);
    json_set(units, "keep", json_integer(choice->keep), complete);
    json_set(settings, "units", units, complete);
}

enum vitlrp_status concepts_config_make(const struct concepts_choice *choice,
                                        const struct batch_plan *plan,
                                        const struct explain_session *state, json_t **out,
                                        struct vitlrp_error *err) {
    char digest[SHA256_TEXT] = "";
    bool complete = true;
    json_t *config = NULL;
    TRY(batch_config_make(plan, state, &config, err));
    json_t *settings = json_object_get(config, "settings");
    set_settings(settings, choice, &complete);
    enum vitlrp_status status = batch_config_hash(settings, digest, err);
    json_set(config, "format", json_string(FORMAT_CONCEPTS), &complete);
    json_set(config, "settings_sha256", json_string(digest), &complete);
    if (status == VITLRP_OK && !complete) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
    }
    if (status != VITLRP_OK) {
        json_decref(config);
        return status;
    }
    *out = config;
    return VITLRP_OK;
}

enum vitlrp_status concepts_config_parse(const char *bytes, size_t size, json_t **out,
                                         struct vitlrp_error *err) {
    json_t *config = NULL;
    TRY(json_parse_object(bytes, size, &config, err));
    const char *format = json_get_string(config, "format");
    if (format == NULL || strcmp(format, FORMAT_CONCEPTS) != 0) {
        json_decref(config);
        return fail(err, VITLRP_FORMAT, "is not the record of a run of concepts of this version");
    }
    *out = config;
    return VITLRP_OK;
}

enum vitlrp_status concepts_config_write(const json_t *config, struct text *out,
                                         struct vitlrp_error *err) {
    return batch_config_write(config, out, err);
}

/* Not the names by which things were called, and not the part of the work. */
enum vitlrp_status concepts_config_hash(const json_t *config, char digest[SHA256_TEXT],
                                        struct vitlrp_error *err) {
    static const char *const LEFT_OUT[] = {"dataset", "model", "shard"};
    json_t *copy = json_copy((json_t *) config);
    if (copy == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the run's settings");
    }
    for (size_t i = 0; i < sizeof LEFT_OUT / sizeof LEFT_OUT[0]; i++) {
        json_object_del(copy, LEFT_OUT[i]);
    }
    enum vitlrp_status status = batch_config_hash(copy, digest, err);
    json_decref(copy);
    return status;
}

enum vitlrp_status concepts_config_shard(const json_t *config, int32_t *shard, int32_t *shards,
                                         struct vitlrp_error *err) {
    const json_t *object = json_object_get(config, "shard");
    int64_t index = 0;
    int64_t count = 1;
    TRY(json_get_int(object, "count", 1, MOST_SHARDS, &count, err));
    TRY(json_get_int(object, "index", 0, count - 1, &index, err));
    *shard = (int32_t) index;
    *shards = (int32_t) count;
    return VITLRP_OK;
}

const char *concepts_config_site(const json_t *config) {
    const json_t *units = json_object_get(json_object_get(config, "settings"), "units");
    const char *word = json_get_string(units, "site");
    const char *const *words = words_of(WORDS_SITE);
    for (size_t i = 0; word != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return words[i];
        }
    }
    return NULL;
}

enum vitlrp_status concepts_line_check(const json_t *line, struct vitlrp_error *err) {
    const char *format = json_get_string(line, "format");
    return format != NULL && strcmp(format, FORMAT_CONCEPTS_IMAGE) == 0
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "\"format\" must be \"" FORMAT_CONCEPTS_IMAGE "\"");
}
