/* What a report says of a model whose hidden units are edited: the record's configuration names the
 * edits. */
#include <string.h>

#include "base/json.h"
#include "eval/report_private.h"

#define SHOWN ((size_t) 12)
#define NAME_SIZE ((size_t) 160)

bool report_edits(const struct evaluation *evaluation, struct text *out) {
    json_t *configuration = NULL;
    const char *text = evaluation->configuration;
    if (text == NULL || json_parse_object(text, strlen(text), &configuration, NULL) != VITLRP_OK) {
        return false;
    }
    const json_t *edits = json_object_get(configuration, "edits");
    size_t count = json_array_size(edits);
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        const char *name = json_string_value(json_array_get(edits, i));
        char shown[NAME_SIZE];
        text_escape_name(shown, sizeof shown, name == NULL ? "?" : name);
        text_printf(out, "%s%s", i == 0 ? "" : ", ", shown);
    }
    if (count > SHOWN) {
        text_printf(out, " and %zu more", count - SHOWN);
    }
    json_decref(configuration);
    return count > 0;
}
