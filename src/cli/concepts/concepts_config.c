#include "concepts_config.h"

#include <string.h>

#include "base/class_rows.h"
#include "base/formats.h"
#include "base/unit_index_image.h"
#include "base/unit_index_run.h"
#include "base/words.h"
#include "cli/batch/batch_config.h"

#define DEFAULT_KEEP 16

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

static enum vitlrp_status choose_kinds(const struct args *args, unsigned *out,
                                       struct vitlrp_error *err) {
    int64_t kinds = UNIT_INDEX_ALL_KINDS;
    TRY(option_choice_set(args, OPTION_KINDS, &kinds, err));
    if (kinds == 1 << UNIT_INDEX_ACTIVATION && args->value[OPTION_STATISTIC] != NULL) {
        return fail(err, VITLRP_USAGE,
                    "--statistic: is of relevance, and --kinds activation has none");
    }
    if (kinds == 1 << UNIT_INDEX_ACTIVATION && args->value[OPTION_CLASS_SUMS] != NULL) {
        return fail(err, VITLRP_USAGE,
                    "--class-sums: are of relevance, and --kinds activation has none");
    }
    *out = (unsigned) kinds;
    return VITLRP_OK;
}

enum vitlrp_status concepts_choose(const struct args *args, const struct settings *settings,
                                   struct concepts_choice *choice, struct vitlrp_error *err) {
    int site = VITLRP_SITE_FC1;
    int statistic = CONCEPTS_SUM;
    int64_t keep = DEFAULT_KEEP;
    *choice = (struct concepts_choice){0};
    TRY(batch_choose(args, &choice->images, err));
    TRY(gallery_choose(args, &choice->gallery, err));
    TRY(option_choice(args, OPTION_SITE, &site, err));
    TRY(option_choice(args, OPTION_STATISTIC, &statistic, err));
    TRY(option_whole(args, OPTION_KEEP, 1, UNIT_INDEX_MOST_KEEP, &keep, err));
    TRY(choose_kinds(args, &choice->kinds, err));
    choice->class_sums = args->value[OPTION_CLASS_SUMS] != NULL;
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
    json_object_del(settings, "picture");
    json_object_del(settings, "write");
    const struct unit_index_settings units = {
        .site = choice->site,
        .statistic = option_choices(OPTION_STATISTIC)[choice->statistic],
        .keep = choice->keep,
        .kinds = choice->kinds,
        .class_sums = choice->class_sums};
    json_set(settings, "units", unit_index_json_units(&units, complete), complete);
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

void concepts_files(const char *site, struct concepts_files *out) {
    static const char *const OTHERS[] = {UNIT_INDEX_STATE, CLASS_ROWS_WORK, GALLERY_PAGE,
                                         GALLERY_RECORD, GALLERY_CROPS};
    size_t count = 0;
    *out = (struct concepts_files){0};
    unit_index_array_names(site, out->arrays);
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        out->names[count++] = OTHERS[i];
    }
    for (size_t i = 0; i < UNIT_INDEX_ARRAYS; i++) {
        out->names[count++] = out->arrays[i];
    }
}

enum vitlrp_status concepts_line_check(const json_t *line, struct vitlrp_error *err) {
    const char *format = json_get_string(line, "format");
    return format != NULL && strcmp(format, FORMAT_CONCEPTS_IMAGE) == 0
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "\"format\" must be \"" FORMAT_CONCEPTS_IMAGE "\"");
}
