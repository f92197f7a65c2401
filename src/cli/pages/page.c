#include "page.h"

#include <string.h>

#include "cli/help.h"
#include "vitlrp.h"

enum page_value page_value_of(enum option_id option) {
    const char *argument = option_table()[option].argument;
    if (argument == NULL) {
        return PAGE_NO_VALUE;
    }
    if (option_choices(option) != NULL) {
        return strcmp(argument, "LIST") == 0 ? PAGE_LIST : PAGE_WORD;
    }
    return option_names_file(option) ? PAGE_FILE : PAGE_OTHER;
}

static const char *method_choice(size_t i, const char **summary) {
    struct vitlrp_method_info info;
    const char *name = vitlrp_method_name(i);
    vitlrp_method_info_init(&info);
    if (name != NULL && vitlrp_method_describe(name, &info, NULL) == VITLRP_OK) {
        *summary = info.summary;
    }
    return name;
}

const char *page_choice(enum option_id option, size_t i, const char **summary) {
    const char *const *choices = option_choices(option);
    const char *unused;
    summary = summary == NULL ? &unused : summary;
    *summary = NULL;
    return strcmp(choices[0], ANY_METHOD) == 0 ? method_choice(i, summary) : choices[i];
}

void page_append_choices(struct text *out, enum option_id option) {
    const char *word;
    for (size_t i = 0; (word = page_choice(option, i, NULL)) != NULL; i++) {
        text_printf(out, i == 0 ? "%s" : " %s", word);
    }
}

void page_append_verbs(struct text *out, unsigned verbs, const char *join) {
    bool any = false;
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        if ((verbs & 1U << verb) != 0) {
            text_printf(out, "%s%s", any ? join : "", verb_name(verb));
            any = true;
        }
    }
}

void page_append_topics(struct text *out, const char *join) {
    const char *name;
    const char *unused;
    for (size_t i = 0; (name = help_topic(i, &unused)) != NULL; i++) {
        text_printf(out, "%s%s", name, join);
    }
    page_append_verbs(out, FOR_ALL, join);
}

void page_append_quoted(struct text *out, const char *bytes, size_t length, const char *special) {
    for (size_t i = 0; i < length; i++) {
        if (strchr(special, bytes[i]) != NULL) {
            text_append_string(out, "\\");
        }
        text_append(out, &bytes[i], 1);
    }
}
