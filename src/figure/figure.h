/* A figure for papers and pages: areas, pictures and lines of real text at places of a page.
 * Lengths are in points of 1/72 inch, from the upper left corner; a PNG or JPEG has FIGURE_PIXELS
 * pixels for each. figure_svg.h writes it as SVG; the command has other formats, which need cairo.
 */
#ifndef FIGURE_FIGURE_H
#define FIGURE_FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define FIGURE_PIXELS 2

struct figure_box {
    double x, y, width, height;
};

enum figure_anchor { FIGURE_START, FIGURE_MIDDLE, FIGURE_END };

/* One line of text. */
struct figure_text {
    double x, baseline; /* of its start, middle or end */
    double size;
    double width; /* what does not fit loses its end; 0: as long as it is */
    enum figure_anchor anchor;
    uint32_t color; /* 0xRRGGBB */
    bool is_bold;
};

enum figure_kind { FIGURE_AREA, FIGURE_PICTURE, FIGURE_TEXT };

struct figure_item {
    enum figure_kind kind;
    struct figure_box box;   /* of areas and pictures */
    uint32_t color;          /* of an area */
    struct figure_text text; /* where the words lie */
    char *words;             /* owned: UTF-8 */
    unsigned char *png;      /* owned (vitlrp_free): a picture's file */
    size_t png_size;
};

/* Zeroed, it is empty. */
struct figure {
    double width, height;
    char *title;               /* owned; what the document is called; NULL: nothing */
    struct figure_item *items; /* owned; later ones lie over earlier ones */
    size_t count, capacity;
    bool failed; /* an item got no memory: figure_check_complete */
};

void figure_free(struct figure *figure);

/* Copies the title. */
void figure_set_title(struct figure *figure, const char *title);

void figure_add_area(struct figure *figure, const struct figure_box *box, uint32_t color);

/* Takes the file over. */
void figure_add_picture(struct figure *figure, const struct figure_box *box, unsigned char *png,
                        size_t size);

/* Copies the words. */
void figure_add_text(struct figure *figure, const struct figure_text *text, const char *words);

/* NOMEM where an item got no memory. */
enum vitlrp_status figure_check_complete(const struct figure *figure, struct vitlrp_error *err);

/* About how wide a text is: that of a common sans serif, for layouts. */
double figure_text_width(const char *words, double size, bool is_bold);

#endif
