#define _GNU_SOURCE
#include "scratch_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/folder_live.h"
#include "base/mem.h"
#include "base/text.h"

#define PATH_MOST ((size_t) 4096)
#define MOST_ATTEMPTS 1000
#define OWN_RIGHTS 0700

static const char BEGIN[] = ".vitlrp-scratch-";

static void remove_dead(int parent, const char *path) {
    DIR *listing = opendir(path);
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        if (strncmp(entry->d_name, BEGIN, strlen(BEGIN)) == 0) {
            folder_live_remove_dead(parent, entry->d_name);
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
}

static enum vitlrp_status make_in(const char *parent, struct scratch_folder *folder,
                                  struct vitlrp_error *err) {
    struct text path = {.limit = PATH_MOST};
    bool made = false;
    errno = EEXIST;
    for (unsigned attempt = 0; attempt < MOST_ATTEMPTS && !made && errno == EEXIST; attempt++) {
        text_free(&path);
        text_printf(&path, "%s/%s%ld-%u", parent, BEGIN, (long) getpid(), attempt);
        TRY(text_check(&path, "the name of a folder", err));
        made = folder_live_make(folder->parent, path.data + strlen(parent) + 1, OWN_RIGHTS,
                                &folder->lock);
    }
    if (!made) {
        text_free(&path);
        return fail_errno(err, errno, "cannot make a folder there");
    }
    folder->path = path.data;
    return VITLRP_OK;
}

enum vitlrp_status scratch_folder_make(struct scratch_folder *folder, struct vitlrp_error *err) {
    const char *parent = getenv("TMPDIR");
    parent = parent == NULL || parent[0] == '\0' ? "/tmp" : parent;
    *folder = (struct scratch_folder){.lock = -1};
    TRY(folder_open(parent, &folder->parent, err));
    remove_dead(folder->parent, parent);
    enum vitlrp_status status = make_in(parent, folder, err);
    if (status != VITLRP_OK) {
        close(folder->parent);
    }
    return error_prefix(err, status, parent);
}

void scratch_folder_remove(struct scratch_folder *folder) {
    if (folder->path == NULL) {
        return;
    }
    folder_live_remove(folder->parent, strrchr(folder->path, '/') + 1);
    close(folder->parent);
    if (folder->lock >= 0) {
        close(folder->lock);
    }
    mem_free(folder->path);
    *folder = (struct scratch_folder){.lock = -1};
}
