#include "explain_session.h"

#include "base/mem.h"
#include "library.h"
#include "model_choice.h"

static enum vitlrp_status find_class(const struct vitlrp_model *model, const char *option,
                                     const char *text, struct vitlrp_class *found,
                                     struct vitlrp_error *err) {
    struct vitlrp_error detail;
    enum vitlrp_status status =
        from_library(vitlrp_model_find_class(model, text, found, &detail), &detail, err);
    return error_prefix(err, status, option);
}

static enum vitlrp_status find_classes(struct explain_session *state, struct vitlrp_error *err) {
    const struct settings *settings = state->settings;
    if (settings->class_text != NULL) {
        state->has_class = true;
        TRY(find_class(state->model, "--class", settings->class_text, &state->target, err));
    }
    if (settings->versus_text != NULL) {
        state->has_versus = true;
        TRY(find_class(state->model, "--versus", settings->versus_text, &state->versus, err));
    }
    if (state->has_class && state->has_versus && state->target.output == state->versus.output) {
        return fail(err, VITLRP_USAGE, "--class and --versus name the same class %d",
                    state->target.index);
    }
    if (settings->top > state->prediction.classes) {
        return fail(err, VITLRP_USAGE, "--class top:%d: the model has only %d classes",
                    settings->top, state->prediction.classes);
    }
    return VITLRP_OK;
}

enum vitlrp_status explain_session_open(const struct settings *settings, struct console *console,
                                        struct explain_session *state, struct vitlrp_error *err) {
    struct vitlrp_model *model = NULL;
    TRY(model_choose(settings, console, &model, err));
    state->owns_model = true;
    return explain_session_open_on(settings, console, model, state, err);
}

enum vitlrp_status explain_session_open_on(const struct settings *settings, struct console *console,
                                           struct vitlrp_model *model,
                                           struct explain_session *state,
                                           struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    struct vitlrp_session_options unused;
    state->settings = settings;
    state->console = console;
    state->model = model;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(state->model, &info);
    vitlrp_model_preprocess(state->model, &state->preprocess);
    preprocess_change(&settings->preprocess, &state->preprocess);
    TRY(prediction_open(info.classes, &state->prediction, err));
    TRY(find_classes(state, err));
    if (settings->method_info.ignores_class != 0 &&
        (state->has_class || state->has_versus || settings->top > 1)) {
        console_warn(console, "the map of %s is the same for every class",
                     settings->method_info.name);
    }
    if (settings->preprocess.crop > 0) {
        TRY(session_choose(settings, state->model, settings->preprocess.crop,
                           settings->preprocess.crop, &unused, err));
    }
    state->ledger_length = vitlrp_ledger_length(state->model);
    state->ledger = mem_calloc(state->ledger_length, sizeof *state->ledger);
    if (state->ledger == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the ledger");
    }
    return VITLRP_OK;
}

void explain_session_release(struct explain_session *state) {
    vitlrp_session_close(state->session);
    mem_free(state->pixels);
    mem_free(state->map);
    state->session = NULL;
    state->pixels = NULL;
    state->map = NULL;
}

void explain_session_close(struct explain_session *state) {
    explain_session_release(state);
    if (state->owns_model) {
        vitlrp_model_close(state->model);
    }
    prediction_close(&state->prediction);
    mem_free(state->ledger);
    outputs_free(&state->outputs);
    json_sink_free(&state->sink);
}

static enum vitlrp_status allocate_maps(struct explain_session *state, struct vitlrp_error *err) {
    const struct vitlrp_session_info *info = &state->info;
    bool pixel_level = state->settings->level == LEVEL_PIXEL;
    state->map_height = pixel_level ? info->input_height : info->grid_height;
    state->map_width = pixel_level ? info->input_width : info->grid_width;
    size_t count = (size_t) state->map_height * (size_t) state->map_width;
    state->map = mem_calloc(count, sizeof *state->map);
    state->pixels = pixel_level ? mem_calloc(count, 3 * sizeof *state->pixels) : NULL;
    if (state->map == NULL || (pixel_level && state->pixels == NULL)) {
        return fail(err, VITLRP_NOMEM, "out of memory for a map of %dx%d", state->map_width,
                    state->map_height);
    }
    return VITLRP_OK;
}

static void warn_of_precision(const struct explain_session *state) {
    enum vitlrp_precision wanted = state->settings->precision;
    if (state->info.precision != wanted) {
        console_warn(state->console, "--precision %s: %s has nothing faster here; computed in %s",
                     json_precision_name(wanted), state->info.backend,
                     json_precision_name(state->info.precision));
    }
}

static enum vitlrp_status choose_options(const struct explain_session *state, int32_t height,
                                         int32_t width, struct vitlrp_session_options *options,
                                         struct vitlrp_error *err) {
    TRY(session_choose(state->settings, state->model, height, width, options, err));
    options->passes = state->passes > 0 ? state->passes : options->passes;
    return VITLRP_OK;
}

enum vitlrp_status explain_session_bytes(const struct explain_session *state, int32_t height,
                                         int32_t width, size_t *bytes, struct vitlrp_error *err) {
    struct vitlrp_error detail;
    struct vitlrp_session_options options;
    TRY(choose_options(state, height, width, &options, err));
    return from_library(vitlrp_session_bytes(state->model, &options, bytes, &detail), &detail, err);
}

enum vitlrp_status explain_session_fit(struct explain_session *state, int32_t height, int32_t width,
                                       struct vitlrp_error *err) {
    struct vitlrp_error detail;
    struct vitlrp_session_options options;
    if (state->session != NULL && state->info.input_height == height &&
        state->info.input_width == width) {
        return VITLRP_OK;
    }
    TRY(choose_options(state, height, width, &options, err));
    explain_session_release(state);
    TRY(from_library(vitlrp_session_open(state->model, &options, &state->session, &detail), &detail,
                     err));
    vitlrp_session_info_init(&state->info);
    vitlrp_session_describe(state->session, &state->info);
    warn_of_precision(state);
    enum vitlrp_status status = allocate_maps(state, err);
    if (status != VITLRP_OK) {
        explain_session_release(state);
    }
    return status;
}
