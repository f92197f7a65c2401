/* Templates of prompts that were published. */
#include <string.h>

#include "api/api.h"
#include "base/text.h"
#include "vitlrp_words.h"

static const char *const EIGHTY[] = {
#define IMAGENET80(text) text,
#include "api/templates.def"
};

static const char *const SEVEN[] = {
#define IMAGENET7(text) text,
#include "api/templates.def"
};

static const struct {
    const char *name;
    const char *const *items;
    size_t count;
} LISTS[] = {
    {"imagenet80", EIGHTY, sizeof EIGHTY / sizeof EIGHTY[0]},
    {"imagenet7", SEVEN, sizeof SEVEN / sizeof SEVEN[0]},
};

enum vitlrp_status vitlrp_templates(const char *name, const char *const **templates, size_t *count,
                                    struct vitlrp_error *error) {
    API_NEEDS(name != NULL && templates != NULL && count != NULL, error);
    for (size_t i = 0; i < sizeof LISTS / sizeof LISTS[0]; i++) {
        if (strcmp(LISTS[i].name, name) == 0) {
            *templates = LISTS[i].items;
            *count = LISTS[i].count;
            return VITLRP_OK;
        }
    }
    char shown[80];
    text_escape_name(shown, sizeof shown, name);
    return fail(error, VITLRP_USAGE,
                "there is no list of templates called '%s': imagenet80 and imagenet7 are there",
                shown);
}
