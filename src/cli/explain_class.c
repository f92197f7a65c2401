#include "explain_class.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"
#include "json_report.h"
#include "library.h"
#include "method_choice.h"
#include "names.h"
#include "text_report.h"

/* The pixel map summed over its channels: what is drawn and written at --level pixel. */
static void sum_channels(struct explain_session *state) {
    size_t count = (size_t) state->map_height * (size_t) state->map_width;
    for (size_t i = 0; i < count; i++) {
        double sum = (double) state->pixels[i] + (double) state->pixels[count + i] +
                     (double) state->pixels[2 * count + i];
        state->map[i] = (float) sum;
    }
}

/* Relevance with its ledger where the method has one, else the map alone. */
static enum vitlrp_status run_method(struct explain_session *state,
                                     const struct vitlrp_target *targets, size_t count,
                                     struct vitlrp_relevance *relevance, struct vitlrp_error *err) {
    struct vitlrp_error detail;
    const struct vitlrp_method_options *method = &state->settings->method;
    enum vitlrp_status status;
    if (state->settings->method_info.has_ledger != 0) {
        relevance->ledger = state->without_ledger ? NULL : state->ledger;
        status = vitlrp_session_relevance(state->session, targets, count, &method->rules, relevance,
                                          &detail);
    } else {
        status =
            vitlrp_session_attribute(state->session, targets, count, method, relevance, &detail);
    }
    return from_library(status, &detail, err);
}

enum vitlrp_status explain_relevance(struct explain_session *state, struct explanation *explanation,
                                     struct vitlrp_error *err) {
    struct vitlrp_relevance relevance;
    const struct vitlrp_target targets[2] = {
        {explanation->target.output, 1.0F},
        {explanation->versus.output, -1.0F},
    };
    bool pixel_level = state->settings->level == LEVEL_PIXEL;
    vitlrp_relevance_init(&relevance);
    relevance.pixels = pixel_level ? state->pixels : NULL;
    relevance.patches = pixel_level ? NULL : state->map;
    double start = clock_ms();
    TRY(run_method(state, targets, explanation->has_versus ? 2 : 1, &relevance, err));
    explanation->timing.backward = clock_ms() - start;
    if (pixel_level) {
        sum_channels(state);
    }
    explanation->explained = relevance.explained;
    explanation->sum = relevance.sum;
    explanation->ledger = relevance.ledger;
    explanation->precision = state->info.precision;
    explanation->ledger_length = relevance.ledger == NULL ? 0 : state->ledger_length;
    return VITLRP_OK;
}

static void append_caption(struct text *out, const struct explanation *explanation) {
    class_append(out, &explanation->target);
    if (explanation->has_versus) {
        text_append_string(out, " versus ");
        class_append(out, &explanation->versus);
    }
    text_printf(out, "  %.1f %%  %s",
                100.0 * explanation->prediction->probability[explanation->target.output],
                explanation->settings->method_info.name);
}

/* What a picture says about itself: program, class, method and its options. */
static void append_comment(struct text *out, const struct explanation *explanation) {
    text_printf(out, "vitlrp %s; class %d", vitlrp_version(), explanation->target.index);
    if (explanation->has_versus) {
        text_printf(out, " versus %d", explanation->versus.index);
    }
    text_append_string(out, "; ");
    method_append(out, &explanation->settings->method_info, &explanation->settings->method);
}

enum vitlrp_status explain_render(const struct explain_session *state,
                                  struct explanation *explanation, unsigned char **data,
                                  size_t *size, struct vitlrp_error *err) {
    struct vitlrp_error detail;
    struct text caption = {.limit = 512};
    struct text comment = {.limit = 512};
    struct vitlrp_render_options options = state->settings->render;
    const struct vitlrp_map map = {state->map, state->map_height, state->map_width};
    append_caption(&caption, explanation);
    append_comment(&comment, explanation);
    options.format = state->outputs.picture_format;
    options.caption = caption.failed ? NULL : caption.data;
    options.comment = comment.failed ? NULL : comment.data;
    double start = clock_ms();
    enum vitlrp_status status =
        from_library(vitlrp_render(explanation->photo->image, &explanation->photo->geometry, &map,
                                   &options, data, size, &detail),
                     &detail, err);
    explanation->timing.render = clock_ms() - start;
    text_free(&caption);
    text_free(&comment);
    return status;
}

static void report_written(struct text *report, const char *path) {
    char shown[240];
    text_escape_name(shown, sizeof shown, path);
    text_printf(report, "wrote %s\n", strcmp(path, "-") == 0 ? "standard output" : shown);
}

enum vitlrp_status explain_write_array(const struct explain_session *state, enum output_kind kind,
                                       const struct explanation *explanation,
                                       const char *class_name, const float *values, size_t rank,
                                       const size_t *shape, struct text *report,
                                       struct vitlrp_error *err) {
    struct text path = {.limit = NAME_LIMIT};
    struct bytes bytes = {0};
    enum vitlrp_status status = VITLRP_OK;
    if (state->outputs.pattern[kind] == NULL) {
        return VITLRP_OK;
    }
    TRY_GOTO(status,
             outputs_path(&state->outputs, kind, explanation->image_path, class_name, &path, err),
             cleanup);
    TRY_GOTO(status, npy_encode_float32(values, rank, shape, &bytes, err), cleanup);
    TRY_GOTO(status, output_write(path.data, bytes.data, bytes.size, err), cleanup);
    report_written(report, path.data);

cleanup:
    text_free(&path);
    bytes_free(&bytes);
    return status;
}

static enum vitlrp_status write_picture(struct explain_session *state,
                                        const struct explanation *explanation,
                                        const char *class_name, const unsigned char *data,
                                        size_t size, struct text *report,
                                        struct vitlrp_error *err) {
    struct text path = {.limit = NAME_LIMIT};
    enum vitlrp_status status = outputs_path(&state->outputs, OUTPUT_PICTURE,
                                             explanation->image_path, class_name, &path, err);
    if (status == VITLRP_OK) {
        status = output_write(path.data, data, size, err);
    }
    if (status == VITLRP_OK) {
        report_written(report, path.data);
    }
    text_free(&path);
    return status;
}

static enum vitlrp_status write_json(struct explain_session *state,
                                     const struct explanation *explanation, const char *class_name,
                                     struct vitlrp_error *err) {
    struct text path = {.limit = NAME_LIMIT};
    json_t *object = NULL;
    enum vitlrp_status status =
        outputs_path(&state->outputs, OUTPUT_JSON, explanation->image_path, class_name, &path, err);
    if (status == VITLRP_OK) {
        status = json_report(explanation, &object, err);
    }
    if (status == VITLRP_OK) {
        status = json_sink_add(&state->sink, path.data, object, err);
    }
    json_decref(object);
    text_free(&path);
    return status;
}

enum vitlrp_status explain_write(struct explain_session *state,
                                 const struct explanation *explanation, const unsigned char *data,
                                 size_t size, struct text *report, struct vitlrp_error *err) {
    char class_name[16];
    const size_t shape[2] = {(size_t) state->map_height, (size_t) state->map_width};
    snprintf(class_name, sizeof class_name, "%d", explanation->target.index);
    if (data != NULL) {
        TRY(write_picture(state, explanation, class_name, data, size, report, err));
    } else {
        TRY(explain_write_array(state, OUTPUT_PICTURE, explanation, class_name, state->map, 2,
                                shape, report, err));
    }
    TRY(explain_write_array(state, OUTPUT_RAW, explanation, class_name, state->map, 2, shape,
                            report, err));
    if (state->outputs.pattern[OUTPUT_JSON] != NULL) {
        TRY(write_json(state, explanation, class_name, err));
    }
    return VITLRP_OK;
}
