/* Writes the manual page or a completion at build time.
 *
 *   make_pages man|bash|zsh|fish FILE */
#include <string.h>

#include "base/file.h"
#include "cli/console.h"
#include "cli/help.h"
#include "page.h"

#define PAGE_LIMIT ((size_t) 1 << 20)

static const struct {
    const char *name;
    void (*make)(struct text *out);
} KINDS[] = {{"man", page_man}, {"bash", page_bash}, {"zsh", page_zsh}, {"fish", page_fish}};

/* A verb that was added without its texts is reported here, before anybody reads a page without it.
 */
static enum vitlrp_status check_verbs(struct vitlrp_error *err) {
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        if (help_verb_summary(verb) == NULL || help_verb_usage(verb) == NULL ||
            help_verb_examples(verb) == NULL) {
            return fail(err, VITLRP_INTERNAL,
                        "help.c: the verb '%s' lacks its summary, usage or examples",
                        verb_name(verb));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status write_page(const char *kind, const char *path, struct vitlrp_error *err) {
    struct text page = {.limit = PAGE_LIMIT};
    TRY(check_verbs(err));
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (strcmp(kind, KINDS[i].name) == 0) {
            KINDS[i].make(&page);
        }
    }
    enum vitlrp_status status;
    if (page.failed) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the page '%s'", kind);
    } else if (page.length == 0) {
        status = fail(err, VITLRP_USAGE, "'%s': must be man, bash, zsh or fish", kind);
    } else {
        status = file_write_atomic(path, page.data, page.length, err);
    }
    text_free(&page);
    return status;
}

int main(int argc, char **argv) {
    struct vitlrp_error err;
    if (argc != 3) {
        console_error("usage: make_pages man|bash|zsh|fish FILE");
        return CODE_USAGE;
    }
    return (int) console_check(write_page(argv[1], argv[2], &err), CODE_OUTPUT, &err);
}
