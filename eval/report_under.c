/* What the page has in each of several places (eval/eval_results.h), of which its reader chooses
 * one: a group of radio buttons in a section shows what is under the chosen one there, without a
 * script. A page of one place has none of this. */
#include "eval/report_private.h"

static bool is_several(const struct report_page *page) {
    return page->summary->place_count > 1;
}

void report_under_choice(const struct report_page *page, const char *section) {
    const struct eval_protocol *protocol = &page->record->evaluation.protocol;
    bool blocks = eval_places_are_blocks(protocol);
    struct text *out = page->out;
    if (!is_several(page)) {
        return;
    }
    text_printf(out, "<fieldset class=\"legend choice\"><legend>%s</legend>",
                blocks ? "Units of" : "Replaced by");
    for (size_t r = 0; r < page->summary->place_count; r++) {
        text_printf(out,
                    "<label><input type=\"radio\" name=\"under-%s\" class=\"c%zu\"%s>%s</label>\n",
                    section, r, r == 0 ? " checked" : "", eval_place_title(protocol, r).text);
    }
    text_append_string(out, "</fieldset>\n");
}

void report_under_classes(const struct report_page *page, size_t place) {
    if (is_several(page)) {
        text_printf(page->out, " under u%zu", place);
    }
}

void report_under_style(const struct report_page *page, struct text *out) {
    for (size_t r = 0; is_several(page) && r < page->summary->place_count; r++) {
        text_printf(out,
                    "section:has(.choice .c%zu:checked) .under:not(.u%zu){display:none}"
                    "section:has(.choice .c%zu:checked) .best%zu .tile{outline:2.5px solid "
                    "var(--accent);outline-offset:2px}"
                    "section:has(.choice .c%zu:checked) .best%zu small{color:var(--accent);"
                    "font-weight:650}",
                    r, r, r, r, r, r);
    }
}
