#define _POSIX_C_SOURCE 200809L
#include "run_journal.h"

#include <string.h>
#include <sys/stat.h>

#include "base/folder.h"
#include "base/mem.h"
#include "base/text.h"
#include "vitlrp_eval.h"

/* Where the results are a pipe or a device, nothing can be beside them. */
static enum vitlrp_status own_journal(const char *results, char **out, struct vitlrp_error *err) {
    struct stat info;
    struct text name = {.limit = (size_t) 1 << 16};
    if (results == NULL || strcmp(results, "-") == 0 ||
        (stat(results, &info) == 0 && !S_ISREG(info.st_mode))) {
        return VITLRP_OK;
    }
    text_printf(&name, "%s.journal", results);
    enum vitlrp_status status = text_check(&name, "the journal's name", err);
    if (status == VITLRP_OK) {
        *out = name.data;
    } else {
        text_free(&name);
    }
    return status;
}

enum vitlrp_status run_journal_choose(const struct args *args, const char *results,
                                      struct run_journal *out, struct vitlrp_error *err) {
    const char *wanted = args->value[OPTION_JOURNAL];
    *out = (struct run_journal){.is_own = wanted == NULL};
    if (wanted == NULL) {
        return own_journal(results, &out->path, err);
    }
    if (wanted[0] == '\0') {
        return fail(err, VITLRP_USAGE, "--journal needs the name of a folder");
    }
    out->path = mem_strdup(wanted);
    return out->path == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a name") : VITLRP_OK;
}

void run_journal_free(struct run_journal *journal) {
    mem_free(journal->path);
    *journal = (struct run_journal){0};
}

enum exit_code run_journal_end(const struct run_journal *journal, bool cancelled,
                               enum exit_code code, const struct console *console) {
    struct vitlrp_error err;
    char shown[200];
    if (journal->path == NULL || code == CODE_OUTPUT || !folder_is(journal->path)) {
        return code; /* it keeps what was not written, and the message says why */
    }
    if (cancelled) {
        text_escape_name(shown, sizeof shown, journal->path);
        console_warn(console, "%s keeps what is done; the same command resumes the run", shown);
        return code;
    }
    return journal->is_own ? console_check_also(code, vitlrp_journal_remove(journal->path, &err),
                                                CODE_OUTPUT, &err)
                           : code;
}
