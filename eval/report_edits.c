/* What a report says of a model whose hidden units are edited: the record's configuration names the
 * edits. */
#include <string.h>

#include "base/json.h"
#include "base/naming.h"
#include "eval/report_private.h"

#define SHOWN ((size_t) 12)

bool report_edits(const struct evaluation *evaluation, struct text *out) {
    json_t *configuration = NULL;
    const char *text = evaluation->configuration;
    if (text == NULL || json_parse_object(text, strlen(text), &configuration, NULL) != VITLRP_OK) {
        return false;
    }
    const json_t *edits = json_object_get(configuration, "edits");
    bool has_some = json_array_size(edits) > 0;
    edit_names_append(out, edits, SHOWN);
    json_decref(configuration);
    return has_some;
}
