/* The frame of a page of HTML that is one file and loads nothing from elsewhere: its head, the
 * style that all our pages begin with, and a Content-Security-Policy under which the page's own
 * style and script work and nothing else does. */
#ifndef BASE_PAGE_FRAME_H
#define BASE_PAGE_FRAME_H

#include <stdbool.h>

#include "base/json.h"
#include "base/status.h"
#include "base/text.h"

struct page_frame {
    const char *title;   /* any bytes: they are escaped here */
    const char *version; /* of the program */
    const char *style;   /* CSS behind PAGE_STYLE, without "</style" */
    const char *script;  /* at the end of the body, without "</script"; NULL: none */
    const char *images;  /* sources of pictures for the policy: "data:" */
    bool has_attributes; /* there are style attributes: the style is allowed without a hash */
};

/* Colours for light and dark surroundings as variables, text, focus, and the rules for print. */
extern const char *const PAGE_STYLE;

/* Everything before the content of the body. The policy allows the style and the script by the
 * SHA-256 of the very bytes that are written. Appends; the caller checks *out at the end. */
enum vitlrp_status page_begin(struct text *out, const struct page_frame *frame,
                              struct vitlrp_error *err);

/* The script, and the end of the page. */
void page_end(struct text *out, const struct page_frame *frame);

/* Text of people or files for HTML, in an attribute too: markup is escaped, control characters and
 * bytes that are not UTF-8 become \xNN. Of a longer text than 4095 bytes then the end is there. */
void page_append_text(struct text *out, const char *text);

/* A path as an address: every byte that could mean something is written as %XX. */
void page_append_address(struct text *out, const char *path, size_t length);

/* What made the page, and that it loads nothing. `more` is HTML; "": no more. */
void page_append_footer(struct text *out, const char *version, const char *more);

/* A value as JSON in which no element of HTML can end or begin. */
void page_append_json(struct text *out, const json_t *value);

/* The same for the page's script: <script type="application/json" id="ID">. */
void page_append_data(struct text *out, const char *id, const json_t *value);

/* <img> of the bytes of a JPEG; `attributes` stands in the element as it is. */
void page_append_jpeg(struct text *out, const char *attributes, const void *data, size_t size);

#endif
