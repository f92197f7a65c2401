#include "page_notices.h"

#include "base/page_frame.h"
#include "unedited.h"

#define LINE_LIMIT ((size_t) 1 << 14)

static void append_notice(const char *before, const char *words, struct text *out) {
    text_printf(out, "<p class=\"notice\">%s", before);
    page_append_text(out, words);
    text_append_string(out, "</p>\n");
}

void page_notices_append(const struct explanation *explanation, struct text *out) {
    struct text line = {.limit = LINE_LIMIT};
    if (photo_warning(explanation->photo) != NULL) {
        append_notice("", photo_warning(explanation->photo), out);
    }
    unedited_report(&line, explanation);
    if (line.length > 0 && !line.failed) {
        line.data[--line.length] = '\0'; /* the end of the line */
        append_notice("Hidden units of the model are ", line.data, out);
    }
    text_free(&line);
}
