#include "base/naming.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

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

const char *model_short_name(const char *name) {
    const char *slash = strrchr(name, '/');
    const char *base = slash == NULL ? name : slash + 1;
    bool says_little = strncmp(base, "model.", 6) == 0 || strncmp(base, "pytorch_model", 13) == 0;
    while (says_little && base > name && (base == slash + 1 || base[-1] != '/')) {
        base--;
    }
    return base;
}
