/* Of a build without Pango's headers: there is no shaper. */
#include "imgio/shaper.h"

void shaper_describe(struct text *out) {
    text_append_string(out, "texts: built-in font");
}

struct shaper *shaper_open(void) {
    return NULL;
}

void shaper_close(struct shaper *shaper) {
    (void) shaper;
}

int32_t shaper_measure(struct shaper *shaper, enum font_face face, const char *text,
                       size_t length) {
    (void) shaper, (void) face, (void) text, (void) length;
    return -1;
}

size_t shaper_fit(struct shaper *shaper, enum font_face face, const char *text, size_t length,
                  int32_t width, size_t *next) {
    (void) shaper, (void) face, (void) text, (void) length, (void) width;
    *next = 0;
    return 0;
}

bool shaper_draw(struct shaper *shaper, enum font_face face, const char *text, size_t length,
                 struct shaped_line *out) {
    (void) shaper, (void) face, (void) text, (void) length;
    *out = (struct shaped_line){0};
    return false;
}
