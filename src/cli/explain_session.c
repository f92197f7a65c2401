#include "explain_session.h"

#include <math.h>
#include <string.h>

#include "animation.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/npy.h"
#include "base/text.h"
#include "base/words.h"
#include "base/work_rate.h"
#include "class_names.h"
#include "contrast.h"
#include "edited_panel.h"
#include "explanation.h"
#include "figure/figure_single.h"
#include "machine.h"
#include "method_choice.h"
#include "model_facts.h"
#include "model_input.h"
#include "names.h"
#include "run_watch.h"

#define MEGABYTE 1048576.0
#define MANY_MAPS 2 /* of what more there are, it is enough that they follow */

enum vitlrp_status session_choose(const struct settings *settings, const struct vitlrp_model *model,
                                  int32_t input_height, int32_t input_width,
                                  struct vitlrp_session_options *options,
                                  struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    if (input_height % info.patch_height != 0 || input_width % info.patch_width != 0) {
        int32_t near = settings->preprocess.crop / info.patch_width * info.patch_width;
        return fail(err, VITLRP_USAGE,
                    "an input of %dx%d is not a multiple of the model's %dx%d patches (for "
                    "example, use --crop %d)",
                    input_width, input_height, info.patch_width, info.patch_height,
                    near > 0 ? near : info.image_width);
    }
    vitlrp_session_options_init(options);
    options->threads = settings->threads;
    options->backend = settings->backend;
    options->precision = settings->precision;
    options->max_bytes = limits_memory(&settings->limits, machine_room().with_swap);
    options->methods =
        settings->method_names == NULL ? settings->method.method : settings->method_names;
    options->input_height = input_height;
    options->input_width = input_width;
    options->attributions = settings->many_maps ? MANY_MAPS : settings_classes(settings);
    return VITLRP_OK;
}

/* Where outputs are no classes, none of them is the most likely one. */
static enum vitlrp_status check_outputs(const struct explain_session *state,
                                        const struct vitlrp_model_info *info,
                                        struct vitlrp_error *err) {
    bool single = info->outputs == VITLRP_OUTPUTS_LIKENESS;
    if (info->outputs == VITLRP_OUTPUTS_CLASSES || single ||
        class_choice_is_fixed(&state->choice)) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = fail(
        err, VITLRP_USAGE,
        "the model has no head of classes: %schoose one of the %d numbers of its %s, give it a "
        "head, or images to compare with",
        info->kind == VITLRP_MODEL_IMAGE_TEXT ? "give it texts (--text PROMPT), " : "",
        info->classes, word_of(WORDS_OUTPUTS, info->outputs));
    return error_topic(err, status, VITLRP_TOPIC_HEADLESS);
}

enum vitlrp_status explain_session_open(const struct settings *settings, struct console *console,
                                        struct explain_session *state, struct vitlrp_error *err) {
    struct vitlrp_model *model = NULL;
    TRY(model_choose_both(settings, console, &model, &state->unedited.model, err));
    state->owns_model = true;
    return explain_session_open_on(settings, console, model, state, err);
}

/* Colours that say what the map does not. */
static void warn_of_colors(const struct settings *settings, struct console *console) {
    const char *name = settings->render.colormap;
    enum vitlrp_colormap_kind kind;
    if (vitlrp_colormap_describe(name, &kind, NULL) != VITLRP_OK) {
        return; /* by the kind of the map */
    }
    if (kind == VITLRP_COLORMAP_RAINBOW) {
        console_warn(console, "--cmap %s: a rainbow shows edges where the map has none", name);
    }
    if (kind != VITLRP_COLORMAP_DIVERGING && settings->render.kind == VITLRP_MAP_SIGNED) {
        console_warn(
            console,
            "--cmap %s does not tell the signs apart: its middle is zero; bwr, RdBu and PuOr "
            "do",
            name);
    }
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
    model_input_choose(settings, state->model, &state->preprocess);
    TRY(prediction_open(info.classes, &state->prediction, err));
    if (settings_contrast(settings) != NULL) {
        prediction_hide(&state->prediction);
    }
    TRY(class_choice_open(settings, model, &state->choice, err));
    TRY(check_outputs(state, &info, err));
    if (settings->method_info.ignores_class != 0 &&
        (settings->class_text != NULL || settings->versus_text != NULL || settings->top > 1)) {
        console_warn(console, "the map of %s is the same for every class",
                     settings->method_info.name);
    }
    warn_of_colors(settings, console);
    if (unedited_is_explained(&state->unedited, settings)) {
        TRY(error_prefix(err, figure_check(FIGURE_PNG, err), "--style panel of an edited model"));
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

void explain_listen(struct explain_session *state, size_t images) {
    const char *json = state->outputs.pattern[OUTPUT_JSON];
    if (images > 1 && json != NULL && !output_is_stdout(json)) {
        state->observer = run_watch_listen();
    }
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
    unedited_close(&state->unedited);
    if (state->owns_model) {
        vitlrp_model_close(state->model);
        vitlrp_model_close(state->unedited.model);
    }
    prediction_close(&state->prediction);
    mem_free(state->ledger);
    outputs_free(&state->outputs);
    json_sink_free(&state->sink);
    json_decref(state->record_of_list);
    text_words_close(&state->words);
}

static enum vitlrp_status allocate_maps(struct explain_session *state, struct vitlrp_error *err) {
    const struct vitlrp_session_info *info = &state->info;
    bool pixel_level = state->settings->level == LEVEL_PIXEL;
    state->map_height = pixel_level ? info->input_height : info->grid_height;
    state->map_width = pixel_level ? info->input_width : info->grid_width;
    size_t count = (size_t) state->map_height * (size_t) state->map_width;
    state->map = mem_calloc(count, sizeof *state->map);
    state->pixels =
        pixel_level ? mem_calloc(count, photo_channels(&state->preprocess) * sizeof *state->pixels)
                    : NULL;
    if (state->map == NULL || (pixel_level && state->pixels == NULL)) {
        return fail(err, VITLRP_NOMEM, "out of memory for a map of %dx%d", state->map_width,
                    state->map_height);
    }
    return VITLRP_OK;
}

static void warn_of_precision(const struct explain_session *state) {
    enum vitlrp_precision wanted = state->settings->precision;
    if (state->info.precision != wanted) {
        console_warn(state->console, "--precision %s: %s has nothing faster here, so %s is used",
                     word_of(WORDS_PRECISION, wanted), state->info.backend,
                     word_of(WORDS_PRECISION, state->info.precision));
    }
}

/* The least part of a photograph that the model sees without a word. */
#define SEEN_LEAST (1.0 / 3.0)

static void warn_of_crop(const struct explain_session *state, const struct photo *photo,
                         const char *name) {
    const struct vitlrp_geometry *geometry = &photo->geometry;
    double whole = (double) geometry->image_width * geometry->image_height;
    double seen = geometry->width * geometry->height / whole;
    if (seen < SEEN_LEAST) {
        console_warn(state->console,
                     "%s: %.0f %% was cropped away: the model sees the middle (--resize squash:%d "
                     "shows all)",
                     name, 100.0 * (1.0 - seen), geometry->input_height);
    }
}

void explain_warn(const struct explain_session *state, const struct photo *photo,
                  const char *path) {
    char name[240];
    const char *warning = photo_warning(photo);
    text_escape_name(name, sizeof name, path);
    if (warning != NULL) {
        console_warn(state->console, "%s: %s", name, warning);
    }
    warn_of_crop(state, photo, name);
}

/* Operations of a forward pass and so many attributions; 0 where the attribution says why not. */
static double operations_of(const struct explain_session *state, int32_t attributions) {
    double operations = 0.0;
    enum vitlrp_status status = vitlrp_session_operations(state->session, &state->settings->method,
                                                          attributions, &operations, NULL);
    return status == VITLRP_OK ? operations : 0.0;
}

/* Before the first pass: the least time of all, since nobody knows how fast the machine is. */
static void warn_of_work(const struct explain_session *state) {
    double operations = operations_of(state, settings_classes(state->settings));
    double seconds = operations / (OPERATIONS_PER_SECOND * (double) state->info.threads);
    if (seconds > TOLD_SECONDS) {
        console_warn(state->console,
                     "%s of %d tokens takes %.2g operations: %.0f s or more for an image",
                     state->settings->method_info.name, state->info.tokens, operations, seconds);
    }
}

/* What an attribution will take, by the time of the forward pass. */
static double expected_seconds(const struct explain_session *state) {
    double forward = state->forward_s > 0.0 ? operations_of(state, 0) : 0.0;
    return forward > 0.0 ? state->forward_s * (operations_of(state, 1) - forward) / forward : 0.0;
}

enum vitlrp_status explain_forward(struct explain_session *state, const float *input,
                                   struct vitlrp_error *err) {
    double start = clock_ms();
    pass_watch_begin(&state->watch, "a forward pass", 0.0);
    enum vitlrp_status status =
        vitlrp_session_forward_units(state->session, input, state->prediction.logits, state->units,
                                     state->units == NULL ? 0 : 1, err);
    pass_watch_end(&state->watch);
    state->forward_s = (clock_ms() - start) * 1e-3;
    TRY(status);
    const int32_t size[2] = {state->info.input_height, state->info.input_width};
    TRY(unedited_forward(&state->unedited, state->settings, input, size, err));
    return explain_cosine(state, err);
}

const struct prediction *explain_before(const struct explain_session *state) {
    return state->unedited.model == NULL ? NULL : &state->unedited.prediction;
}

struct explanation explain_begin(const struct explain_session *state, const char *path,
                                 const struct photo *photo, const char *sha256) {
    return (struct explanation){.image_path = path,
                                .photo = photo,
                                .model = state->model,
                                .preprocess = &state->preprocess,
                                .settings = state->settings,
                                .prediction = &state->prediction,
                                .before = explain_before(state),
                                .record = state->record,
                                .image_sha256 = sha256};
}

struct class_image explain_class_image(const struct explain_session *state, int32_t label) {
    const struct settings *settings = state->settings;
    const struct prediction *before = explain_before(state);
    bool asked = settings->class_text != NULL || settings->word_text != NULL || settings->top > 1;
    return (struct class_image){state->model, before == NULL || asked ? &state->prediction : before,
                                label};
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
    struct vitlrp_session_options options;
    size_t before = 0;
    TRY(choose_options(state, height, width, &options, err));
    if (state->unedited.model != NULL) {
        const int32_t size[2] = {height, width};
        TRY(unedited_bytes(&state->unedited, state->settings, size, &before, err));
    }
    TRY(vitlrp_session_bytes(state->model, &options, bytes, err));
    *bytes += before;
    return VITLRP_OK;
}

/* A limit that the user gave is one of the image. Without one, the limit is what the machine has
 * left, which another image or another moment may have: that is a shortage, and no property of the
 * image. */
static enum vitlrp_status open_session(struct explain_session *state,
                                       const struct vitlrp_session_options *options,
                                       struct vitlrp_error *err) {
    struct vitlrp_session_options unlimited = *options;
    struct vitlrp_error ignored;
    size_t bytes = 0;
    enum vitlrp_status status = vitlrp_session_open(state->model, options, &state->session, err);
    if (status != VITLRP_LIMIT || state->settings->limits.memory > 0) {
        return status;
    }
    unlimited.max_bytes = 0;
    return vitlrp_session_bytes(state->model, &unlimited, &bytes, &ignored) == VITLRP_OK &&
                   bytes > options->max_bytes
               ? fail(
                     err, VITLRP_NOMEM,
                     "its explanation needs %.1f MB of memory, and %.1f MB are left (with --limits "
                     "memory=N, such an image fails and others go on)",
                     (double) bytes / MEGABYTE, (double) options->max_bytes / MEGABYTE)
               : status;
}

enum vitlrp_status explain_session_fit(struct explain_session *state, int32_t height, int32_t width,
                                       struct vitlrp_error *err) {
    struct vitlrp_session_options options;
    if (state->session != NULL && state->info.input_height == height &&
        state->info.input_width == width) {
        return VITLRP_OK;
    }
    TRY(choose_options(state, height, width, &options, err));
    options.observer = state->watch.enabled ? pass_watch_observer(&state->watch) : state->observer;
    explain_session_release(state);
    TRY(open_session(state, &options, err));
    vitlrp_session_info_init(&state->info);
    vitlrp_session_describe(state->session, &state->info);
    warn_of_precision(state);
    if (state->tells_work) {
        warn_of_work(state);
    }
    enum vitlrp_status status = allocate_maps(state, err);
    if (status != VITLRP_OK) {
        explain_session_release(state);
    }
    return status;
}

/* ---- A class of an image ---- */

enum vitlrp_status explain_relevance(struct explain_session *state, struct explanation *explanation,
                                     struct vitlrp_error *err) {
    struct vitlrp_relevance relevance;
    struct contrast contrast;
    TRY(contrast_open(explanation, &contrast, err));
    bool pixel_level = state->settings->level == LEVEL_PIXEL;
    vitlrp_relevance_init(&relevance);
    relevance.pixels = pixel_level ? state->pixels : NULL;
    relevance.patches = pixel_level ? NULL : state->map;
    bool has_ledger = state->settings->method_info.has_ledger != 0 && state->reads_ledger;
    relevance.ledger = has_ledger ? state->ledger : NULL;
    double start = clock_ms();
    pass_watch_begin(&state->watch, state->settings->method_info.name, expected_seconds(state));
    enum vitlrp_status status =
        vitlrp_session_attribute(state->session, contrast.targets, contrast.count,
                                 &state->settings->method, &relevance, err);
    pass_watch_end(&state->watch);
    contrast_close(&contrast);
    TRY(status);
    size_t count = (size_t) state->map_height * (size_t) state->map_width;
    if (unedited_is_explained(&state->unedited, state->settings)) {
        TRY(unedited_explain(&state->unedited, explanation, count, err));
    }
    explanation->timing.backward = clock_ms() - start;
    if (pixel_level) {
        photo_sum_channels(&state->preprocess, state->pixels, count, state->map);
    }
    explanation->explained = relevance.explained;
    explanation->sum = relevance.sum;
    explanation->ledger = relevance.ledger;
    explanation->precision = state->info.precision;
    explanation->session = &state->info;
    explanation->ledger_length = relevance.ledger == NULL ? 0 : state->ledger_length;
    if (state->settings->words) {
        TRY(text_words_take(&state->words, state->settings, state->model, state->session,
                            explanation->target.output, err));
        explanation->words = &state->words;
    }
    return VITLRP_OK;
}

static struct vitlrp_likely likely_of(const struct explanation *explanation,
                                      const struct vitlrp_class *found) {
    const struct prediction *prediction = explanation->prediction;
    if (found->output == OTHERS_OUTPUT) {
        return (struct vitlrp_likely){
            .found = *found, .logit = contrast_logit(explanation), .probability = (double) NAN};
    }
    return (struct vitlrp_likely){.found = *found,
                                  .logit = (double) prediction->logits[found->output],
                                  .probability = prediction->probability[found->output]};
}

#define CAPTION_LIMIT ((size_t) 1 << 14)

/* Of a text: what each of its words holds of the logit, or which text the word is of. */
static void append_words(struct text *out, const struct explanation *explanation) {
    char shown[240];
    if (explanation->words != NULL) {
        text_words_caption(out, explanation->words);
    } else if (explanation->settings->word_text != NULL) {
        text_escape_name(shown, sizeof shown, explanation->settings->texts[0]);
        text_printf(out, "\na word of \"%s\"", shown);
    }
}

/* What the picture shows, of the model of that name. */
static enum vitlrp_status compose_of(const struct explanation *explanation, const char *name,
                                     struct text *out, struct vitlrp_error *err) {
    char composed[VITLRP_CAPTION_SIZE];
    const struct vitlrp_method_info *method = &explanation->settings->method_info;
    struct vitlrp_caption caption;
    vitlrp_caption_init(&caption);
    caption.target = likely_of(explanation, &explanation->target);
    caption.has_versus = explanation->has_versus ? 1 : 0;
    if (explanation->has_versus) {
        caption.versus = likely_of(explanation, &explanation->versus);
    }
    caption.method = method->name;
    caption.model = name;
    caption.unit = explanation_unit(explanation);
    if (strcmp(caption.unit, "logit") == 0) {
        caption.unit = explanation_sum(explanation);
    }
    caption.has_sums = method->has_ledger;
    caption.explained = explanation->explained;
    caption.sum = explanation->sum;
    caption.top_percent = (double) explanation->settings->render.top_percent;
    TRY(vitlrp_caption_compose(&caption, composed, sizeof composed, err));
    text_append_string(out, composed);
    append_words(out, explanation);
    return text_check_memory(out, "the caption of a picture", err);
}

static enum vitlrp_status compose_caption(const struct explanation *explanation, struct text *out,
                                          struct vitlrp_error *err) {
    struct vitlrp_model_info model;
    vitlrp_model_info_init(&model);
    vitlrp_model_describe(explanation->model, &model);
    if (explanation->before == NULL) {
        return compose_of(explanation, model.name, out, err);
    }
    struct text name = {.limit = CAPTION_LIMIT};
    text_printf(&name, "%s, edited", model.name);
    enum vitlrp_status status =
        compose_of(explanation, name.failed ? model.name : name.data, out, err);
    text_free(&name);
    return status;
}

/* What a picture says about itself: program, class, method and its options. */
static void append_comment(struct text *out, const struct explanation *explanation) {
    text_printf(out, "vitlrp %s; class %d", vitlrp_version(), explanation->target.index);
    if (explanation->has_versus) {
        text_append_string(out, " versus ");
        if (explanation->versus.output == OTHERS_OUTPUT) {
            text_append_string(out, CONTRAST_OTHERS);
        } else {
            text_printf(out, "%d", explanation->versus.index);
        }
    }
    text_append_string(out, "; ");
    method_append(out, &explanation->settings->method_info, &explanation->settings->method);
}

static enum vitlrp_status render_animation(const struct explain_session *state,
                                           const struct explanation *explanation,
                                           const char *caption, struct bytes *out,
                                           struct vitlrp_error *err) {
    const struct photo *photo = explanation->photo;
    struct animation animation = {.model = state->model,
                                  .image = photo->image,
                                  .geometry = &photo->geometry,
                                  .input = photo->input,
                                  .patches = state->map,
                                  .height = state->map_height,
                                  .width = state->map_width,
                                  .caption = caption};
    if (state->settings->level == LEVEL_PIXEL) {
        return fail(err, VITLRP_USAGE, "--level pixel: an animation takes patches away");
    }
    vitlrp_curves_init(&animation.curves);
    animation.curves.input_height = photo->geometry.input_height;
    animation.curves.input_width = photo->geometry.input_width;
    animation.curves.output = explanation->target.output;
    animation.curves.preprocess = &state->preprocess;
    animation.curves.threads = state->settings->threads;
    animation.curves.backend = state->settings->backend;
    return animation_encode(&animation, out, err);
}

static struct vitlrp_map map_of(const struct explain_session *state,
                                const struct explanation *explanation) {
    return (struct vitlrp_map){state->map, state->map_height, state->map_width,
                               &explanation->photo->geometry};
}

/* The picture as a PDF, with the caption and comment of the options as texts. */
static enum vitlrp_status render_single(const struct explain_session *state,
                                        const struct explanation *explanation,
                                        const struct vitlrp_render_options *options,
                                        struct bytes *out, struct vitlrp_error *err) {
    const struct figure_single single = {
        .image = explanation->photo->image,
        .geometry = &explanation->photo->geometry,
        .map = {.values = state->map,
                .height = state->map_height,
                .width = state->map_width,
                .options = *options,
                .unit = options->unit,
                .of_pixels = state->settings->level == LEVEL_PIXEL},
        .caption = options->caption};
    struct figure figure;
    enum vitlrp_status status = figure_single_draw(&single, &figure, err);
    if (status == VITLRP_OK) {
        status = figure_encode(&figure, state->outputs.figure, options->comment, out, err);
    }
    figure_free(&figure);
    return status;
}

/* Before and after the edits of units, in the format of the picture. */
static enum vitlrp_status render_edited(const struct explain_session *state,
                                        const struct explanation *explanation,
                                        const struct vitlrp_render_options *options,
                                        unsigned char **data, size_t *size,
                                        struct vitlrp_error *err) {
    const struct edited_panel panel = {.explanation = explanation,
                                       .before = state->unedited.map,
                                       .after = state->map,
                                       .height = state->map_height,
                                       .width = state->map_width,
                                       .explained = state->unedited.explained,
                                       .sum = state->unedited.sum};
    enum figure_format format = state->outputs.figure;
    struct bytes bytes = {0};
    struct figure figure;
    if (format == FIGURE_NONE) {
        format = options->format == VITLRP_PICTURE_JPEG ? FIGURE_JPEG : FIGURE_PNG;
    }
    enum vitlrp_status status = edited_panel_draw(&panel, &figure, err);
    if (status == VITLRP_OK) {
        status = figure_encode(&figure, format, options->comment, &bytes, err);
    }
    figure_free(&figure);
    *data = bytes.data;
    *size = bytes.size;
    return status;
}

/* What is no picture of pixels: a figure, or an animation. */
static enum vitlrp_status render_figure(const struct explain_session *state,
                                        const struct explanation *explanation,
                                        const struct vitlrp_render_options *options,
                                        unsigned char **data, size_t *size,
                                        struct vitlrp_error *err) {
    struct bytes bytes = {0};
    const struct vitlrp_map map = map_of(state, explanation);
    if (options->style == VITLRP_STYLE_PANEL) {
        return fail(err, VITLRP_USAGE,
                    "--style panel has no .svg and no .pdf (vitlrp compare writes figures of "
                    "several pictures)");
    }
    if (state->outputs.figure == FIGURE_SVG) {
        return vitlrp_render(explanation->photo->image, &map, options, data, size, err);
    }
    TRY(state->outputs.figure == FIGURE_APNG
            ? render_animation(state, explanation, options->caption, &bytes, err)
            : render_single(state, explanation, options, &bytes, err));
    *data = bytes.data;
    *size = bytes.size;
    return VITLRP_OK;
}

enum vitlrp_status explain_render(const struct explain_session *state,
                                  struct explanation *explanation, unsigned char **data,
                                  size_t *size, struct vitlrp_error *err) {
    struct text caption = {.limit = CAPTION_LIMIT};
    struct text comment = {.limit = 512};
    struct vitlrp_render_options options = state->settings->render;
    const struct vitlrp_map map = map_of(state, explanation);
    enum vitlrp_status status = VITLRP_OK;
    TRY_GOTO(status, compose_caption(explanation, &caption, err), cleanup);
    append_comment(&comment, explanation);
    TRY_GOTO(status, text_check_memory(&comment, "the comment of a picture", err), cleanup);
    options.format = outputs_format(&state->outputs, explanation->image_path);
    options.caption = state->settings->caption == CAPTION_NONE ? NULL : caption.data;
    options.unit = explanation_unit(explanation);
    options.comment = comment.failed ? NULL : comment.data;
    double start = clock_ms();
    if (state->unedited.map != NULL) {
        status = render_edited(state, explanation, &options, data, size, err);
    } else {
        status = state->outputs.figure == FIGURE_NONE
                     ? vitlrp_render(explanation->photo->image, &map, &options, data, size, err)
                     : render_figure(state, explanation, &options, data, size, err);
    }
    explanation->timing.render = clock_ms() - start;

cleanup:
    text_free(&comment);
    text_free(&caption);
    return status;
}

enum vitlrp_status explain_write_array(const struct explain_session *state, enum output_kind kind,
                                       const struct output_place *place,
                                       const struct npy_view *array, struct vitlrp_error *err) {
    struct text path = {.limit = NAME_LIMIT};
    struct bytes bytes = {0};
    enum vitlrp_status status = VITLRP_OK;
    if (state->outputs.pattern[kind] == NULL) {
        return VITLRP_OK;
    }
    TRY_GOTO(status,
             outputs_path(&state->outputs, kind, place->image_path, place->of_class, &path, err),
             cleanup);
    TRY_GOTO(status, npy_encode_float32(array->values, array->rank, array->shape, &bytes, err),
             cleanup);
    TRY_GOTO(status, output_write(path.data, bytes.data, bytes.size, err), cleanup);
    output_append_written(place->report, path.data);

cleanup:
    text_free(&path);
    bytes_free(&bytes);
    return status;
}

enum vitlrp_status explain_write_bytes(const struct explain_session *state, enum output_kind kind,
                                       const struct output_place *place, const struct bytes *bytes,
                                       struct vitlrp_error *err) {
    struct text path = {.limit = NAME_LIMIT};
    enum vitlrp_status status =
        outputs_path(&state->outputs, kind, place->image_path, place->of_class, &path, err);
    if (status == VITLRP_OK) {
        status = output_write(path.data, bytes->data, bytes->size, err);
    }
    if (status == VITLRP_OK) {
        output_append_written(place->report, path.data);
    }
    text_free(&path);
    return status;
}

enum vitlrp_status explain_write_page(const struct explain_session *state,
                                      const struct output_place *place, const struct text *page,
                                      struct vitlrp_error *err) {
    const struct bytes bytes = {(unsigned char *) page->data, page->length};
    return explain_write_bytes(state, OUTPUT_PAGE, place, &bytes, err);
}

enum vitlrp_status explain_add_record(struct explain_session *state, const char *image_path,
                                      const struct name_values *of_class, const json_t *record,
                                      struct vitlrp_error *err) {
    struct text path = {.limit = NAME_LIMIT};
    enum vitlrp_status status =
        outputs_path(&state->outputs, OUTPUT_JSON, image_path, of_class, &path, err);
    if (status == VITLRP_OK) {
        status = json_sink_add(&state->sink, path.data, record, err);
    }
    text_free(&path);
    return status;
}

static enum vitlrp_status write_json(struct explain_session *state,
                                     const struct explanation *explanation,
                                     const struct name_values *of_class, struct vitlrp_error *err) {
    json_t *object = NULL;
    if (state->choice.count > 1) {
        return json_report_add(explanation, &state->record_of_list, err);
    }
    TRY(json_report(explanation, &object, err));
    enum vitlrp_status status =
        explain_add_record(state, explanation->image_path, of_class, object, err);
    json_decref(object);
    return status;
}

enum vitlrp_status explain_pair(const struct explain_session *state, int32_t label,
                                struct class_pair *out, struct vitlrp_error *err) {
    const struct class_image image = {state->model, &state->prediction, label};
    struct class_taken first;
    struct class_taken second;
    TRY(class_choice_take(&state->choice, &image, 0, &first, err));
    TRY(class_choice_take(&state->choice, &image, 1, &second, err));
    *out = (struct class_pair){&state->prediction, first.target, second.target};
    return VITLRP_OK;
}

enum vitlrp_status explain_end_list(struct explain_session *state,
                                    const struct explanation *explanation, struct text *report,
                                    struct vitlrp_error *err) {
    json_t *record = state->record_of_list;
    enum vitlrp_status status = VITLRP_OK;
    bool complete = true;
    state->record_of_list = NULL;
    if (state->choice.count == 2) {
        struct class_pair pair;
        int32_t label = explanation->has_label ? explanation->label.output : -1;
        TRY_GOTO(status, explain_pair(state, label, &pair, err), cleanup);
        report_difference(report, &pair);
        if (record != NULL) {
            json_set(record, "difference", json_difference(&pair), &complete);
        }
    }
    if (!complete) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the JSON report");
    } else if (record != NULL) {
        status = explain_add_record(state, explanation->image_path, NULL, record, err);
    }

cleanup:
    json_decref(record);
    return status;
}

/* What the names of the class are known for; each file is tried. */
static enum exit_code write_class(struct explain_session *state,
                                  const struct explanation *explanation,
                                  const struct output_place *place, const unsigned char *data,
                                  size_t size) {
    struct vitlrp_error err;
    const size_t shape[2] = {(size_t) state->map_height, (size_t) state->map_width};
    const struct npy_view map = {state->map, 2, shape};
    const struct bytes picture = {(unsigned char *) data, size};
    enum vitlrp_status status =
        data != NULL ? explain_write_bytes(state, OUTPUT_PICTURE, place, &picture, &err)
                     : explain_write_array(state, OUTPUT_PICTURE, place, &map, &err);
    enum exit_code code = console_check(status, CODE_OUTPUT, &err);
    status = explain_write_array(state, OUTPUT_RAW, place, &map, &err);
    code = console_check_also(code, status, CODE_OUTPUT, &err);
    if (state->outputs.pattern[OUTPUT_JSON] != NULL) {
        status = write_json(state, explanation, place->of_class, &err);
        code = console_check_also(code, status, CODE_OUTPUT, &err);
    }
    return code;
}

enum exit_code explain_write(struct explain_session *state, const struct explanation *explanation,
                             const unsigned char *data, size_t size, struct text *report) {
    struct vitlrp_error err;
    struct class_names names;
    const struct name_values of_class = class_names_open(explanation, &names);
    const struct output_place place = {explanation->image_path, &of_class, report};
    enum exit_code code =
        console_check(text_check(&names.label, "the name of a class", &err), CODE_OUTPUT, &err);
    if (code == CODE_DONE) {
        code = write_class(state, explanation, &place, data, size);
    }
    class_names_close(&names);
    return code;
}
