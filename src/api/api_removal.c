/* Inputs without some of their patches for vitlrp_eval.h, behind checked arguments. */
#include <math.h>

#include "api/api.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/mem.h"
#include "base/words.h"
#include "eval/removal.h"
#include "vit/model/weights.h"

struct vitlrp_removal {
    struct removal *removal;
    const struct vit_model *model;
    int32_t input_height, input_width;
    float *logits; /* [classes]: of a search whose caller wants none */
    size_t patches, classes;
};

static enum vitlrp_status read_options(const struct vitlrp_model *model,
                                       const struct vitlrp_removal_options *options,
                                       struct vitlrp_removal_options *out,
                                       struct vitlrp_error *err) {
    TRY(removal_options_read(options, out, err));
    TRY(api_check_threads(out->threads, err));
    if (out->input_height < 0 || out->input_width < 0) {
        return fail(err, VITLRP_USAGE, "the input size must not be negative");
    }
    if (word_of(WORDS_REPLACEMENT, out->replacement) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no replacement %d", (int) out->replacement);
    }
    const struct vit_config *config = &model->vit->config;
    out->input_height = out->input_height > 0 ? out->input_height : config->image_height;
    out->input_width = out->input_width > 0 ? out->input_width : config->image_width;
    return VITLRP_OK;
}

static enum vitlrp_status removal_fill(struct vitlrp_removal *opened,
                                       const struct vitlrp_model *model,
                                       const struct vitlrp_removal_options *options,
                                       const float *input, struct vitlrp_error *err) {
    struct vitlrp_preprocess own;
    vitlrp_model_preprocess(model, &own);
    const struct removal_options inner = {
        .model = model->vit,
        .preprocess = options->preprocess == NULL ? &own : options->preprocess,
        .input_height = options->input_height,
        .input_width = options->input_width,
        .threads = api_threads(options->threads),
        .backend = options->backend == NULL ? "auto" : options->backend,
        .max_bytes = options->max_bytes,
        .replacement = options->replacement,
        .seed = options->seed,
        .observer = options->observer};
    opened->model = model->vit;
    opened->input_height = options->input_height;
    opened->input_width = options->input_width;
    TRY(removal_open(&inner, input, &opened->removal, err)); /* knows the size */
    TRY(api_check_input(model->vit, options->input_height, options->input_width, input, err));
    struct removal_info info = removal_describe(opened->removal);
    opened->patches = (size_t) info.grid_height * (size_t) info.grid_width;
    opened->classes = (size_t) model->vit->config.classes;
    opened->logits = mem_calloc(opened->classes, sizeof *opened->logits);
    return opened->logits == NULL
               ? fail(err, VITLRP_NOMEM, "out of memory for an input without patches")
               : VITLRP_OK;
}

enum vitlrp_status vitlrp_removal_open(const struct vitlrp_model *model,
                                       const struct vitlrp_removal_options *options,
                                       const float *input, struct vitlrp_removal **removal,
                                       struct vitlrp_error *error) {
    struct vitlrp_removal_options known;
    API_NEEDS(model != NULL && input != NULL && removal != NULL, error);
    TRY(read_options(model, options, &known, error));
    struct vitlrp_removal *opened = mem_calloc(1, sizeof *opened);
    if (opened == NULL) {
        return fail(error, VITLRP_NOMEM, "out of memory for an input without patches");
    }
    enum vitlrp_status status = removal_fill(opened, model, &known, input, error);
    if (status != VITLRP_OK) {
        vitlrp_removal_close(opened);
        return status;
    }
    *removal = opened;
    return VITLRP_OK;
}

void vitlrp_removal_close(struct vitlrp_removal *removal) {
    if (removal != NULL) {
        removal_close(removal->removal);
        mem_free(removal->logits);
        mem_free(removal);
    }
}

void vitlrp_removal_describe(const struct vitlrp_removal *removal,
                             struct vitlrp_removal_info *info) {
    if (removal == NULL) {
        return;
    }
    struct removal_info found = removal_describe(removal->removal);
    struct vitlrp_removal_info known = {.grid_height = found.grid_height,
                                        .grid_width = found.grid_width,
                                        .at_once = found.at_once,
                                        .forwards = found.forwards};
    removal_info_write(&known, info);
}

enum vitlrp_status vitlrp_removal_logits(struct vitlrp_removal *removal, const uint8_t *masks,
                                         size_t count, float *logits, struct vitlrp_error *error) {
    API_NEEDS(removal != NULL && masks != NULL && logits != NULL, error);
    for (size_t i = 0; i < count * removal->patches; i++) {
        if (masks[i] > 1) {
            return fail(error, VITLRP_USAGE, "a mask has a %d, and knows 0 and 1 only", masks[i]);
        }
    }
    return removal_logits(removal->removal, masks, count, logits, error);
}

static enum vitlrp_status check_search(const struct vitlrp_removal *removal,
                                       const struct vitlrp_patch_search *search,
                                       struct vitlrp_error *err) {
    int32_t classes = (int32_t) removal->classes;
    if (search->scores == NULL || search->set == NULL) {
        return fail(err, VITLRP_USAGE, "a search for patches needs scores, and room for the set");
    }
    if (search->output < 0 || search->output >= classes || search->versus < -1 ||
        search->versus >= classes || search->versus == search->output) {
        return fail(err, VITLRP_USAGE, "output %d against %d: the model has %d outputs",
                    search->output, search->versus, classes);
    }
    if (search->goal != VITLRP_GOAL_SUFFICES && search->goal != VITLRP_GOAL_FLIPS) {
        return fail(err, VITLRP_USAGE, "there is no goal %d", (int) search->goal);
    }
    if (search->prunings < 0) {
        return fail(err, VITLRP_USAGE, "the number of prunings must not be negative");
    }
    if (search->versus < 0 && removal->model->probability == VITLRP_PROBABILITY_NONE) {
        return fail(
            err, VITLRP_USAGE,
            "the model's outputs are no probabilities: it decides between two outputs only");
    }
    for (size_t i = 0; i < removal->patches; i++) {
        if (isnan(search->scores[i])) {
            return fail(err, VITLRP_NUMERIC, "the score of patch %zu is no number", i);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_removal_search(struct vitlrp_removal *removal,
                                         struct vitlrp_patch_search *search,
                                         struct vitlrp_error *error) {
    struct vitlrp_patch_search known;
    struct removal_found found;
    API_NEEDS(removal != NULL && search != NULL, error);
    TRY(patch_search_read(search, &known, error));
    TRY(check_search(removal, &known, error));
    const struct removal_search inner = {.scores = known.scores,
                                         .output = known.output,
                                         .versus = known.versus,
                                         .goal = known.goal,
                                         .most_prunings = (size_t) known.prunings,
                                         .set = known.set,
                                         .logits =
                                             known.logits == NULL ? removal->logits : known.logits};
    TRY(removal_search(removal->removal, &inner, &found, error));
    known.found = found.found ? 1 : 0;
    known.count = (int32_t) found.count;
    known.prefix = (int32_t) found.prefix;
    known.forwards = (int32_t) found.forwards;
    patch_search_write(&known, search);
    return VITLRP_OK;
}
