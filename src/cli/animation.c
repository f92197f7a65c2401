#include "animation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apng.h"
#include "base/mem.h"
#include "base/text.h"
#include "figure_cairo.h"

/* Points, and as many pixels. */
#define SIDE 200.0
#define MARGIN 12.0
#define TITLE_SIZE 11.0
#define TEXT_SIZE 9.0
#define BAR_HEIGHT 8.0
#define WIDTH_MIN 150.0

#define TITLE_LIMIT ((size_t) 4096)

#define BAR_COLOR 0x2166AC
#define TRACK_COLOR 0xE6E6E6

#define FRAMES (ANIMATION_STEPS + 1)
#define DELAY_FIRST 1200 /* milliseconds */
#define DELAY 250
#define DELAY_LAST 2500

struct patch {
    float score;
    int32_t place;
};

/* All that the frames have in common. */
struct film {
    const struct animation *animation;
    struct figure_pane pane;
    struct patch *order; /* owned: the most relevant first */
    int32_t patches;
    float morf[FRAMES], lerf[FRAMES];
    double low, high;  /* of both curves, and 0 */
    uint32_t blank;    /* what replaces a patch */
    struct text title; /* owned: the class */
    struct text made;  /* owned: method and model */
};

/* As the evaluation orders them: by score, equal ones by place. */
static int patch_compare(const void *left, const void *right) {
    const struct patch *a = left;
    const struct patch *b = right;
    return a->score > b->score ? -1 : a->score < b->score ? 1 : a->place - b->place;
}

static enum vitlrp_status film_order(struct film *film, struct vitlrp_error *err) {
    const struct animation *animation = film->animation;
    film->patches = animation->height * animation->width;
    film->order = mem_calloc((size_t) film->patches, sizeof *film->order);
    if (film->order == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an animation");
    }
    for (int32_t i = 0; i < film->patches; i++) {
        film->order[i] = (struct patch){animation->patches[i], i};
    }
    qsort(film->order, (size_t) film->patches, sizeof *film->order, patch_compare);
    return VITLRP_OK;
}

/* The colour that is 0 after normalisation. */
static uint32_t blank_color(const struct vitlrp_preprocess *preprocess) {
    uint32_t color = 0;
    for (int c = 0; c < 3; c++) {
        float mean = preprocess->channels == 1 ? preprocess->mean[0] : preprocess->mean[c];
        color = color << 8 | (uint32_t) lroundf(fminf(fmaxf(mean, 0.0F), 1.0F) * 255.0F);
    }
    return color;
}

static enum vitlrp_status film_measure(struct film *film, struct vitlrp_error *err) {
    const struct animation *animation = film->animation;
    struct vitlrp_curves curves = animation->curves;
    curves.steps = ANIMATION_STEPS;
    curves.morf_logit = film->morf;
    curves.lerf_logit = film->lerf;
    TRY(vitlrp_curves_measure(animation->model, animation->input, animation->patches, &curves,
                              err));
    for (int k = 0; k < FRAMES; k++) {
        film->low = fmin(film->low, fmin((double) film->morf[k], (double) film->lerf[k]));
        film->high = fmax(film->high, fmax((double) film->morf[k], (double) film->lerf[k]));
    }
    film->blank = blank_color(curves.preprocess);
    return VITLRP_OK;
}

/* A patch of the photograph, as far as it lies on the pane. */
static void add_blank(const struct film *film, struct figure *figure, int32_t place, double x,
                      double y) {
    const struct vitlrp_geometry *geometry = &film->pane.geometry;
    double scale = film->pane.width / geometry->image_width;
    double wide = geometry->width / film->animation->width;
    double high = geometry->height / film->animation->height;
    int32_t row = place / film->animation->width;
    double left = geometry->left + place % film->animation->width * wide;
    double top = geometry->top + row * high;
    double x0 = fmax(round(left * scale), 0.0);
    double y0 = fmax(round(top * scale), 0.0);
    double x1 = fmin(round((left + wide) * scale), film->pane.width);
    double y1 = fmin(round((top + high) * scale), film->pane.height);
    if (x0 < x1 && y0 < y1) {
        figure_add_area(figure, &(struct figure_box){x + x0, y + y0, x1 - x0, y1 - y0},
                        film->blank);
    }
}

static void add_bar(const struct film *film, struct figure *figure, double x, double y,
                    float logit) {
    char words[48];
    double width = fmax(film->pane.width, WIDTH_MIN);
    double extent = film->high > film->low ? film->high - film->low : 1.0;
    double zero = -film->low / extent * width;
    double end = ((double) logit - film->low) / extent * width;
    const struct figure_box bar = {x + fmin(zero, end), y, fabs(end - zero), BAR_HEIGHT};
    const struct figure_text text = {.x = x,
                                     .baseline = y + BAR_HEIGHT + TEXT_SIZE + 3.0,
                                     .size = TEXT_SIZE,
                                     .color = FIGURE_TEXT_COLOR};
    figure_add_area(figure, &(struct figure_box){x, y, width, BAR_HEIGHT}, TRACK_COLOR);
    figure_add_area(figure, &bar, BAR_COLOR);
    snprintf(words, sizeof words, "logit %s%.2f", logit < 0.0F ? "\xE2\x88\x92" : "",
             fabs((double) logit));
    figure_add_text(figure, &text, words);
}

/* One side: the photograph without the patches that are gone, and its bar. */
static enum vitlrp_status add_side(const struct film *film, struct figure *figure, int step,
                                   bool is_lerf, struct vitlrp_error *err) {
    int32_t gone = (int32_t) floor((double) step * film->patches / ANIMATION_STEPS + 0.5);
    double column = fmax(film->pane.width, WIDTH_MIN) + MARGIN;
    double x = MARGIN + (is_lerf ? column : 0.0);
    double y = MARGIN + TITLE_SIZE * 1.5 + TEXT_SIZE * 1.6;
    const struct figure_text text = {
        .x = x, .baseline = y + TEXT_SIZE, .size = TEXT_SIZE, .color = FIGURE_FAINT_COLOR};
    figure_add_text(figure, &text, is_lerf ? "least relevant first" : "most relevant first");
    /* A whole pixel: patches that meet between two would leave a seam. */
    y = round(y + TEXT_SIZE * 1.6);
    TRY(figure_add_photo(figure, &film->pane, x, y, err));
    for (int32_t i = 0; i < gone; i++) {
        int32_t rank = is_lerf ? film->patches - 1 - i : i;
        add_blank(film, figure, film->order[rank].place, x, y);
    }
    add_bar(film, figure, x, y + film->pane.height + 6.0,
            is_lerf ? film->lerf[step] : film->morf[step]);
    figure->width = x + column;
    figure->height = y + film->pane.height + 6.0 + BAR_HEIGHT + 2.0 * TEXT_SIZE + MARGIN;
    return VITLRP_OK;
}

static enum vitlrp_status film_frame(const struct film *film, int step, struct bytes *out,
                                     struct vitlrp_error *err) {
    struct figure figure = {0};
    const struct figure_text title = {.x = MARGIN,
                                      .baseline = MARGIN + TITLE_SIZE,
                                      .size = TITLE_SIZE,
                                      .width = 2.0 * fmax(film->pane.width, WIDTH_MIN),
                                      .color = FIGURE_TEXT_COLOR,
                                      .is_bold = true};
    struct figure_text made = title;
    made.baseline += TEXT_SIZE * 1.6;
    made.size = TEXT_SIZE;
    made.color = FIGURE_FAINT_COLOR;
    made.is_bold = false;
    figure_add_text(&figure, &title, film->title.data == NULL ? "" : film->title.data);
    figure_add_text(&figure, &made, film->made.data == NULL ? "" : film->made.data);
    enum vitlrp_status status = add_side(film, &figure, step, false, err);
    if (status == VITLRP_OK) {
        status = add_side(film, &figure, step, true, err);
    }
    if (status == VITLRP_OK) {
        status = figure_cairo_png(&figure, 1.0, out, err);
    }
    figure_free(&figure);
    return status;
}

static enum vitlrp_status film_make(struct film *film, struct bytes *out,
                                    struct vitlrp_error *err) {
    struct apng_frame frames[FRAMES] = {0};
    enum vitlrp_status status = VITLRP_OK;
    for (int k = 0; k < FRAMES && status == VITLRP_OK; k++) {
        frames[k].delay_ms = k == 0 ? DELAY_FIRST : k == FRAMES - 1 ? DELAY_LAST : DELAY;
        status = film_frame(film, k, &frames[k].png, err);
    }
    if (status == VITLRP_OK) {
        status = apng_join(frames, FRAMES, out, err);
    }
    for (int k = 0; k < FRAMES; k++) {
        bytes_free(&frames[k].png);
    }
    return status;
}

enum vitlrp_status animation_encode(const struct animation *animation, struct bytes *out,
                                    struct vitlrp_error *err) {
    struct film film = {
        .animation = animation, .title = {.limit = TITLE_LIMIT}, .made = {.limit = TITLE_LIMIT}};
    enum vitlrp_status status;
    const char *caption = animation->caption == NULL ? "" : animation->caption;
    size_t first = strcspn(caption, "\n");
    const char *second = caption + first + (caption[first] == '\n' ? 1 : 0);
    text_append(&film.title, caption, first);
    text_append(&film.made, second, strcspn(second, "\n"));
    TRY_GOTO(status, text_check(&film.title, "the title of an animation", err), done);
    TRY_GOTO(status, text_check_memory(&film.made, "the title of an animation", err), done);
    TRY_GOTO(status, film_order(&film, err), done);
    TRY_GOTO(status, film_measure(&film, err), done);
    TRY_GOTO(status, figure_pane_open(animation->image, animation->geometry, SIDE, &film.pane, err),
             done);
    status = film_make(&film, out, err);
done:
    figure_pane_close(&film.pane);
    mem_free(film.order);
    text_free(&film.title);
    text_free(&film.made);
    return status;
}
