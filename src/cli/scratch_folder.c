#define _XOPEN_SOURCE 700
#include "scratch_folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/text.h"

#define PATH_MOST ((size_t) 4096)
#define OPEN_FOLDERS 16

enum vitlrp_status scratch_folder_make(const char *verb, char **path, struct vitlrp_error *err) {
    struct text text = {.limit = PATH_MOST};
    const char *parent = getenv("TMPDIR");
    parent = parent == NULL || parent[0] == '\0' ? "/tmp" : parent;
    text_printf(&text, "%s/vitlrp-%s-XXXXXX", parent, verb);
    enum vitlrp_status status = text_check(&text, "the name of a folder", err);
    if (status == VITLRP_OK && mkdtemp(text.data) == NULL) {
        status = error_prefix(err, fail_errno(err, errno, "cannot make a folder there"), parent);
    }
    if (status != VITLRP_OK) {
        text_free(&text);
        return status;
    }
    *path = text.data;
    return VITLRP_OK;
}

/* What cannot be removed stays; there is nobody whom it would help to know. */
static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where) {
    (void) info;
    (void) kind;
    (void) where;
    (void) remove(path);
    return 0;
}

void scratch_folder_remove(char *path) {
    if (path != NULL) {
        (void) nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
        mem_free(path);
    }
}
