#define _XOPEN_SOURCE 700
#include "support/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#include "support/unit.h"

struct scratch scratch_open(void) {
    struct scratch scratch = {"/tmp/vitlrp-test-XXXXXX"};
    assert_non_null(mkdtemp(scratch.path));
    return scratch;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void) info;
    (void) kind;
    (void) place;
    return remove(path);
}

void scratch_close(struct scratch *scratch) {
    assert_int_equal(nftw(scratch->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void scratch_path(const struct scratch *scratch, const char *name, char *out, size_t size) {
    assert_true((size_t) snprintf(out, size, "%s/%s", scratch->path, name) < size);
}

void scratch_write(const struct scratch *scratch, const char *name, const void *data, size_t size) {
    char path[4096];
    struct vitlrp_error err = {0};
    scratch_path(scratch, name, path, sizeof path);
    for (char *slash = strchr(path + strlen(scratch->path) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    assert_int_equal(file_write_atomic(path, data, size, &err), VITLRP_OK);
}

void scratch_text(const struct scratch *scratch, const char *name, const char *text) {
    scratch_write(scratch, name, text, strlen(text));
}
