#include "figure/figure.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "vitlrp.h"

void figure_free(struct figure *figure) {
    for (size_t i = 0; i < figure->count; i++) {
        mem_free(figure->items[i].words);
        vitlrp_free(figure->items[i].png);
    }
    mem_free(figure->items);
    mem_free(figure->title);
    *figure = (struct figure){0};
}

void figure_set_title(struct figure *figure, const char *title) {
    mem_free(figure->title);
    figure->title = mem_strdup(title);
    figure->failed = figure->failed || figure->title == NULL;
}

/* Takes over what the item owns. */
static void add_item(struct figure *figure, const struct figure_item *item) {
    if (figure->count == figure->capacity && !figure->failed) {
        size_t capacity = figure->capacity == 0 ? 64 : 2 * figure->capacity;
        struct figure_item *items = mem_resize(figure->items, capacity, sizeof *items);
        figure->failed = items == NULL;
        figure->items = items == NULL ? figure->items : items;
        figure->capacity = items == NULL ? figure->capacity : capacity;
    }
    if (figure->failed) {
        mem_free(item->words);
        vitlrp_free(item->png);
        return;
    }
    figure->items[figure->count++] = *item;
}

void figure_add_area(struct figure *figure, const struct figure_box *box, uint32_t color) {
    add_item(figure, &(struct figure_item){.kind = FIGURE_AREA, .box = *box, .color = color});
}

void figure_add_picture(struct figure *figure, const struct figure_box *box, unsigned char *png,
                        size_t size) {
    add_item(figure, &(struct figure_item){
                         .kind = FIGURE_PICTURE, .box = *box, .png = png, .png_size = size});
}

void figure_add_text(struct figure *figure, const struct figure_text *text, const char *words) {
    struct figure_item item = {.kind = FIGURE_TEXT, .text = *text, .words = mem_strdup(words)};
    figure->failed = figure->failed || item.words == NULL;
    add_item(figure, &item);
}

enum vitlrp_status figure_check_complete(const struct figure *figure, struct vitlrp_error *err) {
    return figure->failed ? fail(err, VITLRP_NOMEM, "out of memory for a figure") : VITLRP_OK;
}

/* ---- Widths ---- */

/* Of the printable ASCII characters, in hundredths of the size. */
static const unsigned char WIDTHS[95] = {
    32, 40, 46, 84, 64, 95, 78, 28, 39,  39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 78, 75, 30, 30, 66, 56, 86, 75, 79,
    60, 79, 69, 64, 61, 73, 68, 99, 69,  61, 69, 39, 34, 39, 84, 50, 50, 61, 64, 55, 64, 62, 35, 64,
    63, 28, 28, 58, 28, 97, 63, 61, 64,  64, 41, 52, 39, 63, 59, 82, 59, 59, 53, 64, 34, 64, 84};

double figure_text_width(const char *words, double size, bool is_bold) {
    size_t length = strlen(words);
    double width = 0.0;
    for (size_t i = 0; i < length;) {
        size_t step = text_utf8_length(words + i, length - i);
        unsigned char first = (unsigned char) words[i];
        /* Latin and Greek letters are narrow; ideographs and emoji are as wide as they are high. */
        width += step == 1 && first >= 0x20 && first < 0x7F ? WIDTHS[first - 0x20]
                 : step <= 2                                ? 66
                                                            : 100;
        i += step == 0 ? 1 : step;
    }
    return width * size / 100.0 * (is_bold ? 1.12 : 1.0);
}
