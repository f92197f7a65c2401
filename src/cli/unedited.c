#include "unedited.h"

#include <math.h>

#include "base/mem.h"
#include "base/settings_json.h"
#include "contrast.h"
#include "explain_session.h"
#include "explanation.h"

bool unedited_is_explained(const struct unedited *unedited, const struct settings *settings) {
    return unedited->model != NULL && settings->render.style == VITLRP_STYLE_PANEL;
}

static enum vitlrp_status choose_options(const struct unedited *unedited,
                                         const struct settings *settings, const int32_t size[2],
                                         struct vitlrp_session_options *options,
                                         struct vitlrp_error *err) {
    TRY(session_choose(settings, unedited->model, size[0], size[1], options, err));
    if (!unedited_is_explained(unedited, settings)) {
        options->methods = NULL;
        options->attributions = 1;
    }
    return VITLRP_OK;
}

enum vitlrp_status unedited_bytes(const struct unedited *unedited, const struct settings *settings,
                                  const int32_t size[2], size_t *bytes, struct vitlrp_error *err) {
    struct vitlrp_session_options options;
    TRY(choose_options(unedited, settings, size, &options, err));
    return vitlrp_session_bytes(unedited->model, &options, bytes, err);
}

/* What depends on the size of its inputs. */
static void release(struct unedited *unedited) {
    vitlrp_session_close(unedited->session);
    mem_free(unedited->map);
    mem_free(unedited->pixels);
    unedited->session = NULL;
    unedited->map = NULL;
    unedited->pixels = NULL;
}

static enum vitlrp_status open_session(struct unedited *unedited, const struct settings *settings,
                                       const int32_t size[2], struct vitlrp_error *err) {
    struct vitlrp_session_options options;
    if (unedited->session != NULL && unedited->height == size[0] && unedited->width == size[1]) {
        return VITLRP_OK;
    }
    release(unedited);
    TRY(choose_options(unedited, settings, size, &options, err));
    TRY(vitlrp_session_open(unedited->model, &options, &unedited->session, err));
    unedited->height = size[0];
    unedited->width = size[1];
    return VITLRP_OK;
}

static enum vitlrp_status open_prediction(struct unedited *unedited,
                                          const struct settings *settings,
                                          struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    if (unedited->prediction.logits != NULL) {
        return VITLRP_OK;
    }
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(unedited->model, &info);
    TRY(prediction_open(info.classes, &unedited->prediction, err));
    if (settings_contrast(settings) != NULL) {
        prediction_hide(&unedited->prediction);
    }
    return VITLRP_OK;
}

enum vitlrp_status unedited_forward(struct unedited *unedited, const struct settings *settings,
                                    const float *input, const int32_t size[2],
                                    struct vitlrp_error *err) {
    if (unedited->model == NULL) {
        return VITLRP_OK;
    }
    TRY(open_prediction(unedited, settings, err));
    TRY(open_session(unedited, settings, size, err));
    TRY(vitlrp_session_forward(unedited->session, input, unedited->prediction.logits, err));
    return prediction_rank(&unedited->prediction, unedited->model, err);
}

static enum vitlrp_status allocate_maps(struct unedited *unedited,
                                        const struct explanation *explanation, size_t count,
                                        struct vitlrp_error *err) {
    bool has_pixels = explanation->settings->level == LEVEL_PIXEL;
    size_t channels = photo_channels(explanation->preprocess);
    if (unedited->map == NULL) {
        unedited->map = mem_calloc(count, sizeof *unedited->map);
        unedited->pixels =
            has_pixels ? mem_calloc(count, channels * sizeof *unedited->pixels) : NULL;
    }
    return unedited->map != NULL && (unedited->pixels != NULL || !has_pixels)
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for a map");
}

enum vitlrp_status unedited_explain(struct unedited *unedited,
                                    const struct explanation *explanation, size_t count,
                                    struct vitlrp_error *err) {
    struct explanation before = *explanation;
    struct vitlrp_relevance relevance;
    struct contrast contrast;
    TRY(allocate_maps(unedited, explanation, count, err));
    before.prediction = &unedited->prediction;
    TRY(contrast_open(&before, &contrast, err));
    vitlrp_relevance_init(&relevance);
    relevance.pixels = unedited->pixels;
    relevance.patches = unedited->pixels == NULL ? unedited->map : NULL;
    enum vitlrp_status status =
        vitlrp_session_attribute(unedited->session, contrast.targets, contrast.count,
                                 &explanation->settings->method, &relevance, err);
    contrast_close(&contrast);
    TRY(status);
    if (unedited->pixels != NULL) {
        photo_sum_channels(explanation->preprocess, unedited->pixels, count, unedited->map);
    }
    unedited->explained = relevance.explained;
    unedited->sum = relevance.sum;
    return VITLRP_OK;
}

void unedited_close(struct unedited *unedited) {
    release(unedited);
    prediction_close(&unedited->prediction);
    *unedited = (struct unedited){.model = unedited->model};
}

/* The likeliest class; false where outputs are no classes but numbers or words. */
static bool first_of(const struct explanation *explanation, const struct prediction *prediction,
                     struct vitlrp_class *out) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(explanation->model, &info);
    return info.outputs == VITLRP_OUTPUTS_CLASSES && explanation->settings->word_text == NULL &&
           prediction->classes > 1 &&
           vitlrp_model_class(explanation->model, prediction->order[0], out, NULL) == VITLRP_OK;
}

static void append_chance(struct text *out, const struct prediction *prediction, int32_t output) {
    if (!isnan(prediction->probability[output])) {
        text_printf(out, " %.1f %%", 100.0 * prediction->probability[output]);
    }
}

void unedited_report(struct text *out, const struct explanation *explanation) {
    const struct prediction *before = explanation->before;
    const struct prediction *after = explanation->prediction;
    int32_t output = explanation->target.output;
    struct vitlrp_class first;
    if (before == NULL) {
        return;
    }
    text_append_string(out, "edited: ");
    class_append(out, &explanation->target);
    append_chance(out, before, output);
    if (!isnan(after->probability[output])) {
        text_append_string(out, " ->");
        append_chance(out, after, output);
        text_append_string(out, ",");
    }
    text_printf(out, " logit %.4g -> %.4g", (double) before->logits[output],
                (double) after->logits[output]);
    if (first_of(explanation, after, &first) && first.output != output) {
        text_append_string(out, before->order[0] == first.output ? "; first: " : "; now first: ");
        class_append(out, &first);
        append_chance(out, after, first.output);
    }
    text_append_string(out, "\n");
}

json_t *unedited_json(const struct explanation *explanation, bool *complete) {
    const struct prediction *before = explanation->before;
    int32_t output = explanation->target.output;
    struct vitlrp_class first;
    json_t *object = json_object();
    json_set(object, "logit", json_number((double) before->logits[output]), complete);
    json_set(object, "probability", json_number(before->probability[output]), complete);
    if (first_of(explanation, before, &first)) {
        json_set(object, "predicted", json_integer(first.index), complete);
    }
    return object;
}
