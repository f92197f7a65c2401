#include "tune_report.h"

#include <math.h>
#include <stddef.h>

#include "base/formats.h"
#include "cli/explanation.h"
#include "cli/run_record.h"
#include "eval_choice.h"

static json_t *json_statistic(const struct vitlrp_statistic *statistic) {
    return json_pack("{s:o, s:o, s:o, s:I}", "mean", json_number(statistic->mean), "lo",
                     json_number(statistic->lo), "hi", json_number(statistic->hi), "n",
                     (json_int_t) statistic->n);
}

/* Of a set that has one member the member, else a list. */
static json_t *json_members(const struct vitlrp_eval_setting *setting, int64_t value) {
    json_t *list = json_array();
    for (int32_t member = 0; value >> member > 0; member++) {
        if ((value >> member & 1) != 0 &&
            json_array_append_new(list, json_string(vitlrp_word(setting->enumeration, member))) !=
                0) {
            json_decref(list);
            return NULL;
        }
    }
    json_t *only = json_array_size(list) == 1 ? json_incref(json_array_get(list, 0)) : NULL;
    if (only != NULL) {
        json_decref(list);
    }
    return only != NULL ? only : list;
}

static json_t *json_setting(const struct vitlrp_eval_setting *setting,
                            const struct vitlrp_eval_options *options) {
    int64_t value = eval_setting_get(setting, options);
    if (setting->enumeration == NULL) {
        return json_integer(value);
    }
    return setting->is_set != 0 ? json_members(setting, value)
                                : json_string(vitlrp_word(setting->enumeration, (int32_t) value));
}

/* The settings of the evaluation that tune has options for. */
static void set_protocol(json_t *object, const struct vitlrp_eval_options *options,
                         bool *complete) {
    struct vitlrp_eval_setting setting;
    vitlrp_eval_setting_init(&setting);
    for (size_t i = 0; vitlrp_eval_setting_at(i, &setting, NULL) == VITLRP_OK; i++) {
        enum option_id option = option_by_name(setting.name);
        if (option < OPTION_COUNT && (option_table()[option].verbs & FOR_TUNE) != 0) {
            json_set(object, setting.name, json_setting(&setting, options), complete);
        }
    }
}

/* Files are named by the hashes of their bytes, "" for none. */
static json_t *json_manifest(const struct vitlrp_tune_result *result) {
    return json_pack("{s:I, s:s, s:s}", "count",
                     (json_int_t) result->calibration_images + (json_int_t) result->held_out_images,
                     "sha256", result->manifest_sha256, "truth_sha256", result->truth_sha256);
}

static const char *replacement_word(const struct vitlrp_tune_gain *gain) {
    return vitlrp_word("replacement", (int32_t) gain->replacement);
}

/* Of several replacements, the figures under each. */
static void set_each(json_t *object, const struct vitlrp_tune_result *result, bool held_out,
                     bool *complete) {
    json_t *each = json_object();
    for (size_t r = 0; r < result->replacement_count; r++) {
        const struct vitlrp_tune_gain *gain = &result->replacements[r];
        json_t *figures =
            held_out
                ? json_pack("{s:o, s:o, s:o}", "preset", json_statistic(&gain->preset), "tuned",
                            json_statistic(&gain->tuned), "gain", json_statistic(&gain->gain))
                : json_pack("{s:o, s:o}", "preset", json_statistic(&gain->calibration_preset),
                            "tuned", json_statistic(&gain->calibration_tuned));
        json_set(each, replacement_word(gain), figures, complete);
    }
    if (result->replacement_count > 1) {
        json_set(object, "replacements", each, complete);
    } else {
        json_decref(each);
    }
}

static json_t *json_calibration(const struct vitlrp_tune_result *result, bool *complete) {
    json_t *object = json_pack(
        "{s:I, s:s, s:o, s:o}", "images", (json_int_t) result->calibration_images, "images_sha256",
        result->calibration_sha256, "preset", json_statistic(&result->calibration_preset), "tuned",
        json_statistic(&result->calibration_tuned));
    set_each(object, result, false, complete);
    return object;
}

static json_t *json_held_out(const struct vitlrp_tune_result *result, bool *complete) {
    json_t *object = json_pack(
        "{s:I, s:s, s:o, s:o, s:o}", "images", (json_int_t) result->held_out_images,
        "images_sha256", result->held_out_sha256, "preset", json_statistic(&result->preset),
        "tuned", json_statistic(&result->tuned), "gain", json_statistic(&result->gain));
    set_each(object, result, true, complete);
    return object;
}

/* How the settings were found, for people. */
static json_t *json_search(const struct tune_report *report, bool *complete) {
    const struct vitlrp_tune_result *result = report->result;
    json_t *object = json_object();
    json_set(object, "model", json_text(report->model), complete);
    json_set_model(object, report->record, complete);
    json_set(object, "dataset", json_text(report->dataset), complete);
    json_set(object, "manifest", json_manifest(result), complete);
    json_set(object, "trials", json_integer((json_int_t) result->trials), complete);
    set_protocol(object, report->options, complete);
    json_set(object, "calibration", json_calibration(result, complete), complete);
    json_set(object, "held_out", json_held_out(result, complete), complete);
    return object;
}

/* A share that was asked for, which is the search's too. */
static void set_share(json_t *object, const struct vitlrp_rule_changes *changes, bool *complete) {
    if (changes != NULL && !isnan(changes->attention_share)) {
        json_set(object, "attention_share", json_float32(changes->attention_share), complete);
    }
}

enum vitlrp_status tune_settings(const struct tune_report *report, json_t **out,
                                 struct vitlrp_error *err) {
    bool complete = true;
    json_t *object = json_object();
    json_set(object, "format", json_string(FORMAT_SETTINGS), &complete);
    json_set(object, "method", json_string(report->result->method), &complete);
    json_set_gammas(object, &report->result->rules, &complete);
    set_share(object, report->options->rules, &complete);
    json_set(object, "run", json_run(report->settings, &complete), &complete);
    json_set(object, "search", json_search(report, &complete), &complete);
    json_set(object, "version", json_string(vitlrp_version()), &complete);
    if (!complete) {
        json_decref(object);
        return fail(err, VITLRP_NOMEM, "out of memory for the settings");
    }
    *out = object;
    return VITLRP_OK;
}

static void append_rules(struct text *out, const struct vitlrp_rules *rules) {
    text_printf(out, "conv %g  fc1 %g  fc2 %g  qkv %g  proj %g  head %g",
                (double) rules->gamma[VITLRP_ROLE_CONV], (double) rules->gamma[VITLRP_ROLE_FC1],
                (double) rules->gamma[VITLRP_ROLE_FC2], (double) rules->gamma[VITLRP_ROLE_QKV],
                (double) rules->gamma[VITLRP_ROLE_PROJ], (double) rules->gamma[VITLRP_ROLE_HEAD]);
}

static void append_statistic(struct text *out, const struct vitlrp_statistic *statistic) {
    if (statistic->n == 0) {
        text_append_string(out, "not measured");
    } else {
        text_printf(out, "%.3f [%.3f, %.3f]", statistic->mean, statistic->lo, statistic->hi);
    }
}

void tune_append_trial(struct text *out, const struct vitlrp_tune_trial *trial) {
    text_printf(out, "%-6s  %-8s  delta ", trial->stage, trial->kind);
    append_statistic(out, &trial->delta);
    text_printf(out, "  gain %.3f  ", trial->gain);
    append_rules(out, &trial->rules);
}

/* "            delta 0.1 [0.0, 0.2]", of several replacements behind the name of each. */
static void append_figure(struct text *out, const struct tune_report *report, const char *title,
                          size_t offset) {
    const struct vitlrp_tune_result *result = report->result;
    for (size_t r = 0; r < result->replacement_count; r++) {
        const struct vitlrp_tune_gain *gain = &result->replacements[r];
        text_printf(out, "            %s ", title);
        if (result->replacement_count > 1) {
            text_printf(out, "%-6s ", replacement_word(gain));
        }
        append_statistic(out, (const void *) ((const char *) gain + offset));
        text_append_string(out, "\n");
    }
}

void tune_append_report(struct text *out, const struct tune_report *report) {
    const struct vitlrp_tune_result *result = report->result;
    text_printf(out, "%s, %zu setting%s tried on %zu image%s\n", result->method, result->trials,
                result->trials == 1 ? "" : "s", result->calibration_images,
                result->calibration_images == 1 ? "" : "s");
    text_append_string(out, "preset      gamma ");
    append_rules(out, &report->preset);
    text_append_string(out, "\n");
    append_figure(out, report, "delta", offsetof(struct vitlrp_tune_gain, calibration_preset));
    text_append_string(out, "tuned       gamma ");
    append_rules(out, &result->rules);
    text_append_string(out, "\n");
    append_figure(out, report, "delta", offsetof(struct vitlrp_tune_gain, calibration_tuned));
    text_printf(out, "held out    %zu image%s\n", result->held_out_images,
                result->held_out_images == 1 ? "" : "s");
    append_figure(out, report, "preset", offsetof(struct vitlrp_tune_gain, preset));
    append_figure(out, report, "tuned ", offsetof(struct vitlrp_tune_gain, tuned));
    append_figure(out, report, "gain  ", offsetof(struct vitlrp_tune_gain, gain));
}
