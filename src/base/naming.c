#include "base/naming.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

#define EDIT_NAME 160

void class_name_append(struct text *out, const char *label, int32_t index) {
    char shown[120];
    bool is_whole = text_escape_line(shown, sizeof shown, label);
    if (!is_whole) { /* of a label the beginning says most */
        text_escape_line(shown, sizeof shown - strlen("..."), label);
    }
    if (index < 0) {
        text_printf(out, "%s%s", shown, is_whole ? "" : "...");
    } else if (shown[0] == '\0') {
        text_printf(out, "class %d", index);
    } else {
        text_printf(out, "%s%s (%d)", shown, is_whole ? "" : "...", index);
    }
}

static void append_edit(struct text *out, const json_t *edit) {
    const char *name = json_string_value(edit);
    char shown[EDIT_NAME];
    if (name == NULL) {
        name = json_string_value(json_object_get(edit, "unit"));
    }
    text_escape_name(shown, sizeof shown, name == NULL ? "?" : name);
    text_append_string(out, shown);
    if (json_is_object(edit)) {
        double factor = json_number_value(json_object_get(edit, "factor"));
        if (factor != 0.0) {
            text_printf(out, "=%g", factor);
        }
        text_printf(out, ":=[%zu]", json_array_size(json_object_get(edit, "constant")));
    }
}

void edit_names_append(struct text *out, const json_t *edits, size_t most) {
    size_t count = json_array_size(edits);
    for (size_t i = 0; i < count && i < most; i++) {
        text_append_string(out, i == 0 ? "" : ", ");
        append_edit(out, json_array_get(edits, i));
    }
    if (count > most) {
        text_printf(out, " and %zu more", count - most);
    }
}

const char *model_short_name(const char *name) {
    const char *slash = strrchr(name, '/');
    const char *base = slash == NULL ? name : slash + 1;
    bool says_little = strncmp(base, "model.", 6) == 0 || strncmp(base, "pytorch_model", 13) == 0;
    while (says_little && base > name && (base == slash + 1 || base[-1] != '/')) {
        base--;
    }
    return base;
}
