/* Lines of text in scripts that the built-in font lacks: shaped and drawn by Pango, in the fonts
 * that fontconfig finds. Both are loaded when such a text is met, so other pictures do not depend
 * on them and do not wait for them. A build without Pango's headers has no shaper, and on a machine
 * without Pango there is none; the built-in font then spells such characters out.
 *
 * A shaper draws no boxes: a cluster that no font has, or only in colours, is spelled out in the
 * same way. Pango ends the process where it gets no memory, so a line that it is given is bounded.
 */
#ifndef IMGIO_SHAPER_H
#define IMGIO_SHAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "imgio/font.h"
#include "imgio/image.h"

struct shaper;

/* One line about the shapers of this build, for the report of a fault. */
void shaper_describe(struct text *out);

/* NULL if there is none. Owned: shaper_close. One thread at a time. */
struct shaper *shaper_open(void);

/* NULL is ignored. */
void shaper_close(struct shaper *shaper);

/* As font_measure; negative if there is no memory for it. */
int32_t shaper_measure(struct shaper *shaper, enum font_face face, const char *text, size_t length);

/* As font_fit, of a text without newlines that is not empty; *next is 0 if there is no memory. */
size_t shaper_fit(struct shaper *shaper, enum font_face face, const char *text, size_t length,
                  int32_t width, size_t *next);

/* What a line covers, from 0 to 255, as rows of `width` bytes. */
struct shaped_line {
    int32_t left, top; /* of its upper left corner: pixels right of the origin, rows over the base
                          line */
    int32_t width, height;
    unsigned char *coverage; /* owned: mem_free; NULL for a line without a mark */
};

/* False if there is no memory for it. */
bool shaper_draw(struct shaper *shaper, enum font_face face, const char *text, size_t length,
                 struct shaped_line *out);

#endif
