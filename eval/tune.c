#include "eval/tune.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/text.h"
#include "eval/statistics.h"
#include "eval/tune_step.h"

#define COARSE_ROUNDS 2

static const float GRID[] = {0.0F, 0.01F, 0.025F, 0.05F, 0.1F, 0.25F, 0.5F, 1.0F, 10.0F, INFINITY};

#define GRID_COUNT (sizeof GRID / sizeof GRID[0])

_Static_assert(GRID_COUNT == TUNE_MOST_AT_ONCE, "the candidates of one coordinate");

/* Neighbours on the grid are factors of about 2 to 2.5 apart: first to the middles between them,
 * then half as far on a log scale. */
static const float FINE_FACTORS[] = {1.5F, 1.22F};

/* What stands for a neighbour of 0, and of infinity, in each of these rounds. */
static const float NEAR_ZERO[] = {0.005F, 0.0025F};
static const float NEAR_INFINITY[] = {30.0F, 100.0F};

#define FINE_ROUNDS (sizeof FINE_FACTORS / sizeof FINE_FACTORS[0])

/* Evaluations of the calibration set: of the preset, and of each kind in each round. */
#define MOST_STEPS (1 + (COARSE_ROUNDS + FINE_ROUNDS) * TUNE_KINDS)

struct search {
    const struct tune_options *options;
    struct eval_run_options *evaluate; /* that of the options */
    const struct tune_images *images;
    struct tune_result *result;
    char (*read)[SHA256_TEXT]; /* owned, [images]: what the first trial read; NULL before it */
    size_t steps;              /* that were done */
    size_t replacements;
};

/* What the search moves together: a name, and the roles that share a gamma. */
struct kind_row {
    const char *name;
    enum vitlrp_role first, last;
};

static const struct kind_row KINDS[TUNE_KINDS] = {
    [TUNE_CONV] = {"conv", VITLRP_ROLE_CONV, VITLRP_ROLE_CONV},
    [TUNE_MLP] = {"fc1/fc2", VITLRP_ROLE_FC1, VITLRP_ROLE_FC2},
    [TUNE_ATTENTION] = {"qkv/proj", VITLRP_ROLE_QKV, VITLRP_ROLE_PROJ},
    [TUNE_HEAD] = {"head", VITLRP_ROLE_HEAD, VITLRP_ROLE_HEAD},
};

const char *tune_kind_name(enum tune_kind kind) {
    return KINDS[kind].name;
}

void tune_set(struct vitlrp_rules *rules, enum tune_kind kind, float gamma) {
    rules->gamma[KINDS[kind].first] = gamma;
    rules->gamma[KINDS[kind].last] = gamma;
}

static float gamma_of(const struct vitlrp_rules *rules, enum tune_kind kind) {
    return rules->gamma[KINDS[kind].first];
}

static bool same_rules(const struct vitlrp_rules *a, const struct vitlrp_rules *b) {
    bool same = true;
    for (size_t role = 0; role < VITLRP_ROLE_COUNT; role++) {
        same = same && a->gamma[role] == b->gamma[role];
    }
    return same;
}

static bool was_tried(const struct tune_result *result, const struct vitlrp_rules *rules) {
    for (size_t i = 0; i < result->trial_count; i++) {
        if (same_rules(&result->trials[i].rules, rules)) {
            return true;
        }
    }
    return false;
}

/* ---- Trying ---- */

bool tune_places(size_t calibration, size_t held_out, size_t *places) {
    return checked_mul(places, calibration, MOST_STEPS) && checked_add(places, *places, held_out);
}

/* A step on these images, which begin there in the journal; its rules are yet to come. */
static struct tune_step step_on(const struct tune_options *options,
                                const struct tune_images *images, size_t first) {
    return (struct tune_step){.evaluate = options->evaluate,
                              .method = options->method,
                              .options = &options->preset,
                              .images = images,
                              .journal = options->journal,
                              .first = first};
}

static enum vitlrp_status hash_images(const struct tune_images *images,
                                      const struct tune_values *values, char out[SHA256_TEXT],
                                      struct vitlrp_error *err) {
    struct sha256 hash = sha256_begin();
    for (size_t i = 0; i < images->count; i++) {
        const char *sha256 = values->outcomes[i].sha256;
        sha256_add(&hash, images->items[i].id, strlen(images->items[i].id) + 1);
        sha256_add(&hash, sha256, strlen(sha256));
        sha256_add(&hash, "\n", 1);
    }
    return sha256_end(&hash, out, err);
}

/* Without a single map there is nothing to tune, and nothing to judge by. */
static enum vitlrp_status check_some(const struct tune_images *images, const char *which,
                                     const struct tune_values *values, struct vitlrp_error *err) {
    char shown[100];
    for (size_t i = 0; i < images->count; i++) {
        if (values->outcomes[i].status == VITLRP_OK) {
            return VITLRP_OK;
        }
    }
    const char *id = images->items[0].id;
    const char *message = values->outcomes[0].message;
    bool named = strstr(message, id) != NULL;
    text_escape_name(shown, sizeof shown, id);
    return fail(err, VITLRP_MISMATCH,
                "none of the %zu %s images could be evaluated; the first: %s%s%s", images->count,
                which, named ? "" : shown, named ? "" : ": ", message);
}

/* Every trial reads the images again: they must be those of the first. */
static enum vitlrp_status check_images(struct search *search, const struct tune_values *values,
                                       struct vitlrp_error *err) {
    const struct tune_images *images = search->images;
    bool first = search->read == NULL;
    if (first) {
        search->read = mem_calloc(images->count, sizeof *search->read);
        if (search->read == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for %zu images", images->count);
        }
        TRY(hash_images(images, values, search->result->calibration_sha256, err));
    }
    for (size_t i = 0; i < images->count; i++) {
        const char *sha256 = values->outcomes[i].sha256;
        if (first) {
            memcpy(search->read[i], sha256, sizeof search->read[i]);
        } else if (strcmp(search->read[i], sha256) != 0) {
            char shown[200];
            text_escape_name(shown, sizeof shown, images->items[i].id);
            return fail(err, VITLRP_IO, "%s: changed between two trials", shown);
        }
    }
    return VITLRP_OK;
}

/* Delta of a trial, the `rule`-th of a step, and its gain over the preset, which is the first of
 * all. */
static enum vitlrp_status score_trial(const struct search *search, const struct tune_values *values,
                                      size_t rule, struct tune_trial *trial,
                                      struct vitlrp_error *err) {
    uint64_t seed = search->evaluate->protocol.seed;
    const struct tune_trial *preset = search->result->trials;
    trial->gain = INFINITY;
    for (size_t r = 0; r < search->replacements; r++) {
        TRY(statistics_mean(tune_values_of(values, rule, r), values->images, seed, &trial->delta[r],
                            err));
        double gain = trial->delta[r].mean - preset->delta[r].mean;
        trial->gain = gain < trial->gain || isnan(gain) ? gain : trial->gain;
    }
    if (search->options->tried != NULL) {
        search->options->tried(search->options->user, trial);
    }
    return VITLRP_OK;
}

/* Measures the `added` trials behind the table's, whose rules are already there, and adds them. */
static enum vitlrp_status measure_trials(struct search *search, size_t added,
                                         struct vitlrp_error *err) {
    struct tune_result *result = search->result;
    struct tune_trial *trials = result->trials + result->trial_count;
    struct vitlrp_rules rules[GRID_COUNT] = {{0}};
    struct tune_step step =
        step_on(search->options, search->images, search->steps * search->images->count);
    struct tune_values values;
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < added; i++) {
        rules[i] = trials[i].rules;
    }
    step.rules = rules;
    step.count = added;
    TRY(tune_step_run(&step, &values, err));
    search->steps++;
    TRY_GOTO(status, check_some(search->images, "calibration", &values, err), cleanup);
    TRY_GOTO(status, check_images(search, &values, err), cleanup);
    for (size_t i = 0; i < added; i++) {
        TRY_GOTO(status, score_trial(search, &values, i, &trials[i], err), cleanup);
    }
    for (size_t i = 0; i < added; i++) {
        if (trials[i].gain > result->trials[result->best_trial].gain) {
            result->best_trial = result->trial_count + i;
        }
    }
    result->trial_count += added;
cleanup:
    tune_values_free(&values);
    return status;
}

/* Tries the best rules so far with other gammas for one kind, leaving out what was tried before. */
static enum vitlrp_status try_gammas(struct search *search, enum tune_stage stage,
                                     enum tune_kind kind, const float *gammas, size_t count,
                                     struct vitlrp_error *err) {
    struct tune_result *result = search->result;
    size_t added = 0;
    size_t room = 0;
    if (!checked_add(&room, result->trial_count, count)) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of trials");
    }
    struct tune_trial *trials = mem_resize(result->trials, room, sizeof *trials);
    if (trials == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of trials");
    }
    result->trials = trials;
    for (size_t i = 0; i < count; i++) {
        struct tune_trial trial = {
            .stage = stage, .kind = kind, .rules = trials[result->best_trial].rules};
        tune_set(&trial.rules, kind, gammas[i]);
        if (!was_tried(result, &trial.rules)) {
            trials[result->trial_count + added++] = trial;
        }
    }
    return added == 0 ? VITLRP_OK : measure_trials(search, added, err);
}

/* ---- The search ---- */

static enum vitlrp_status try_preset(struct search *search, struct vitlrp_error *err) {
    struct tune_result *result = search->result;
    result->trials = mem_calloc(1, sizeof *result->trials);
    if (result->trials == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of trials");
    }
    result->trials[0] =
        (struct tune_trial){.stage = TUNE_PRESET, .rules = search->options->preset.rules};
    TRY(measure_trials(search, 1, err));
    if (result->trials[0].delta[0].n == 0) {
        return fail(err, VITLRP_MISMATCH, "none of the %zu calibration images could be evaluated",
                    search->images->count);
    }
    return VITLRP_OK;
}

static enum vitlrp_status search_coarsely(struct search *search, struct vitlrp_error *err) {
    for (size_t round = 0; round < COARSE_ROUNDS; round++) {
        size_t before = search->result->best_trial;
        for (int kind = 0; kind < TUNE_KINDS; kind++) {
            TRY(try_gammas(search, TUNE_COARSE, (enum tune_kind) kind, GRID, GRID_COUNT, err));
        }
        if (search->result->best_trial == before) {
            break;
        }
    }
    return VITLRP_OK;
}

/* Writes what lies around gamma; returns how many. */
static size_t neighbours(float gamma, size_t round, float out[2]) {
    if (gamma == 0.0F) {
        out[0] = NEAR_ZERO[round];
        return 1;
    }
    if (isinf(gamma)) {
        out[0] = NEAR_INFINITY[round];
        return 1;
    }
    out[0] = gamma / FINE_FACTORS[round];
    out[1] = gamma * FINE_FACTORS[round];
    return 2;
}

static enum vitlrp_status search_finely(struct search *search, struct vitlrp_error *err) {
    for (size_t round = 0; round < FINE_ROUNDS; round++) {
        for (int kind = 0; kind < TUNE_KINDS; kind++) {
            const struct tune_result *result = search->result;
            float gammas[2];
            float gamma =
                gamma_of(&result->trials[result->best_trial].rules, (enum tune_kind) kind);
            size_t count = neighbours(gamma, round, gammas);
            TRY(try_gammas(search, TUNE_FINE, (enum tune_kind) kind, gammas, count, err));
        }
    }
    return VITLRP_OK;
}

/* ---- What it is worth ---- */

static enum vitlrp_status measure_gain(const struct tune_options *options,
                                       const struct tune_values *values, size_t replacement,
                                       struct tune_result *result, struct vitlrp_error *err) {
    uint64_t seed = options->evaluate->protocol.seed;
    const double *preset = tune_values_of(values, 0, replacement);
    const double *best = tune_values_of(values, 1, replacement);
    size_t count = values->images;
    TRY(statistics_mean(preset, count, seed, &result->held_preset[replacement], err));
    TRY(statistics_mean(best, count, seed, &result->held_best[replacement], err));
    TRY(statistics_paired(best, preset, count, seed, &result->held_gain[replacement], err));
    return result->held_gain[replacement].n > 0
               ? VITLRP_OK
               : fail(err, VITLRP_MISMATCH,
                      "%s fails on all of the %zu held-out images, so its gain is not known",
                      options->method->name, count);
}

static enum vitlrp_status measure_gains(const struct tune_options *options,
                                        const struct tune_images *images, size_t first,
                                        struct tune_result *result, struct vitlrp_error *err) {
    const struct vitlrp_rules rules[2] = {options->preset.rules, result->best};
    struct tune_step step = step_on(options, images, first);
    struct tune_values values;
    step.rules = rules;
    step.count = 2;
    TRY(tune_step_run(&step, &values, err));
    enum vitlrp_status status = check_some(images, "held-out", &values, err);
    if (status == VITLRP_OK) {
        status = hash_images(images, &values, result->held_out_sha256, err);
    }
    for (size_t r = 0; r < values.replacements && status == VITLRP_OK; r++) {
        status = measure_gain(options, &values, r, result, err);
    }
    tune_values_free(&values);
    return status;
}

static enum vitlrp_status tune_search(struct search *search, struct vitlrp_error *err) {
    struct tune_result *result = search->result;
    TRY(try_preset(search, err));
    search->evaluate->log = (struct vitlrp_log){0}; /* the first trial has said all of the images */
    TRY(search_coarsely(search, err));
    TRY(search_finely(search, err));
    result->best = result->trials[result->best_trial].rules;
    return VITLRP_OK;
}

enum vitlrp_status tune_check(const struct vit_method *method, size_t calibration, size_t held_out,
                              struct vitlrp_error *err) {
    if ((method->reads & VITLRP_READS_RULES) == 0) {
        return fail(err, VITLRP_USAGE, "method %s has no gamma to tune", method->name);
    }
    if (calibration == 0) {
        return fail(err, VITLRP_USAGE, "tuning needs images for the calibration");
    }
    return held_out > 0
               ? VITLRP_OK
               : fail(err, VITLRP_MISMATCH,
                      "tuning needs two images or more: one half to search with, and one held out, "
                      "to measure the gain on");
}

enum vitlrp_status tune_run(const struct tune_options *options,
                            const struct tune_images *calibration,
                            const struct tune_images *held_out, struct tune_result *out,
                            struct vitlrp_error *err) {
    struct tune_result result = {0};
    struct eval_run_options evaluate = *options->evaluate;
    struct tune_options trials = *options;
    trials.evaluate = &evaluate;
    struct search search = {.options = &trials,
                            .evaluate = &evaluate,
                            .images = calibration,
                            .result = &result,
                            .replacements = eval_replacement_count(&evaluate.protocol)};
    TRY(tune_check(options->method, calibration->count, held_out->count, err));
    enum vitlrp_status status = tune_search(&search, err);
    mem_free(search.read);
    if (status == VITLRP_OK) {
        status = measure_gains(options, held_out, MOST_STEPS * calibration->count, &result, err);
    }
    if (status != VITLRP_OK) {
        tune_result_free(&result);
        return status;
    }
    *out = result;
    return VITLRP_OK;
}

void tune_result_free(struct tune_result *result) {
    mem_free(result->trials);
    *result = (struct tune_result){0};
}
