#include "figure/figure_svg.h"

#include <string.h>

#include "base/base64.h"
#include "base/text.h"

#define SVG_LIMIT ((size_t) 1 << 30)

/* Words of people as text of XML, which has no control characters at all; those become \xNN, as on
 * a terminal. */
static void append_words(struct text *out, const char *words) {
    struct text plain = {.limit = 4 * strlen(words) + 1};
    text_append_terminal(&plain, words, strlen(words));
    out->failed = out->failed || plain.failed;
    for (char *mark = plain.data; mark != NULL && *mark != '\0'; mark++) {
        *mark = *mark == '\n' || *mark == '\t' ? ' ' : *mark;
    }
    text_append_html(out, plain.data == NULL ? "" : plain.data);
    text_free(&plain);
}

/* The bytes of the words that fit into the width with an ellipsis; all if they do without one. */
static size_t fit_words(const struct figure_text *text, const char *words) {
    size_t length = strlen(words);
    double room = text->width - figure_text_width("...", text->size, text->is_bold);
    double used = 0.0;
    size_t end = 0;
    if (text->width <= 0.0 || figure_text_width(words, text->size, text->is_bold) <= text->width) {
        return length;
    }
    while (end < length) {
        char mark[5] = "";
        size_t step = text_utf8_length(words + end, length - end);
        step = step == 0 ? 1 : step;
        memcpy(mark, words + end, step);
        used += figure_text_width(mark, text->size, text->is_bold);
        if (used > room) {
            break;
        }
        end += step;
    }
    return end;
}

static void append_text(struct text *out, const struct figure_item *item) {
    static const char *const ANCHORS[] = {"start", "middle", "end"};
    const struct figure_text *text = &item->text;
    struct text fitting = {.limit = strlen(item->words) + 8};
    size_t length = fit_words(text, item->words);
    text_append(&fitting, item->words, length);
    text_append_string(&fitting, length < strlen(item->words) ? "\xE2\x80\xA6" : "");
    out->failed = out->failed || fitting.failed;
    text_printf(out, "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%.2f\" fill=\"#%06x\"", text->x,
                text->baseline, text->size, (unsigned) text->color);
    if (text->anchor != FIGURE_START) {
        text_printf(out, " text-anchor=\"%s\"", ANCHORS[text->anchor]);
    }
    text_append_string(out, text->is_bold ? " font-weight=\"bold\">" : ">");
    append_words(out, fitting.data == NULL ? "" : fitting.data);
    text_append_string(out, "</text>\n");
    text_free(&fitting);
}

static void append_box(struct text *out, const char *element, const struct figure_box *box) {
    text_printf(out, "<%s x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"", element, box->x,
                box->y, box->width, box->height);
}

static void append_item(struct text *out, const struct figure_item *item) {
    switch (item->kind) {
    case FIGURE_AREA:
        append_box(out, "rect", &item->box);
        text_printf(out, " fill=\"#%06x\"/>\n", (unsigned) item->color);
        break;
    case FIGURE_PICTURE:
        append_box(out, "image", &item->box);
        text_append_string(out, " preserveAspectRatio=\"none\" href=\"data:image/png;base64,");
        base64_append(out, item->png, item->png_size);
        text_append_string(out, "\"/>\n");
        break;
    case FIGURE_TEXT:
        append_text(out, item);
        break;
    }
}

enum vitlrp_status figure_svg(const struct figure *figure, const char *comment, struct bytes *out,
                              struct vitlrp_error *err) {
    struct text svg = {.limit = SVG_LIMIT};
    TRY(figure_check_complete(figure, err));
    text_printf(&svg,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.2fpt\" height=\"%.2fpt\" "
                "viewBox=\"0 0 %.2f %.2f\" font-family=\"'DejaVu Sans', Verdana, sans-serif\">\n",
                figure->width, figure->height, figure->width, figure->height);
    if (figure->title != NULL) {
        text_append_string(&svg, "<title>");
        append_words(&svg, figure->title);
        text_append_string(&svg, "</title>\n");
    }
    if (comment != NULL) {
        text_append_string(&svg, "<desc>");
        append_words(&svg, comment);
        text_append_string(&svg, "</desc>\n");
    }
    for (size_t i = 0; i < figure->count; i++) {
        append_item(&svg, &figure->items[i]);
    }
    text_append_string(&svg, "</svg>\n");
    enum vitlrp_status status = text_check(&svg, "an SVG file", err);
    if (status != VITLRP_OK) {
        text_free(&svg);
        return status;
    }
    *out = (struct bytes){.data = (unsigned char *) svg.data, .size = svg.length};
    return VITLRP_OK;
}
