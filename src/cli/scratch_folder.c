#define _GNU_SOURCE
#include "scratch_folder.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/folder_live.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "run_watch.h"

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

/* ---- Signals ---- */

static sigset_t ending_signals(void) {
    sigset_t found;
    sigemptyset(&found);
    for (const int *number = RUN_WATCH_ENDING; *number != 0; number++) {
        if (run_watch_heeds(*number)) {
            sigaddset(&found, *number);
        }
    }
    return found;
}

static const char *name_of(const struct scratch_folder *folder) {
    return strrchr(folder->path, '/') + 1;
}

/* A thread may do what a handler may not. What the others still write meanwhile is gone at the
 * second try, or with the next run. */
static void *wait_for_end(void *of) {
    const struct scratch_folder *folder = of;
    const sigset_t ending = ending_signals();
    int number = 0;
    if (sigwait(&ending, &number) != 0) {
        return NULL;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    for (int attempt = 0; attempt < 2; attempt++) {
        folder_live_remove(folder->parent, name_of(folder));
    }
    signal(number, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &ending, NULL);
    raise(number);
    return NULL;
}

static void set_mask(int how) {
    const sigset_t ending = ending_signals();
    pthread_sigmask(how, &ending, NULL);
}

/* The signals wait already. Without a thread the next run removes what one leaves. */
static void watch(struct scratch_folder *folder) {
    folder->is_watched = thread_start(&folder->watcher, wait_for_end, folder);
    if (!folder->is_watched) {
        set_mask(SIG_UNBLOCK);
    }
}

static void watch_no_more(struct scratch_folder *folder) {
    if (folder->is_watched) {
        pthread_cancel(folder->watcher);
        pthread_join(folder->watcher, NULL);
        set_mask(SIG_UNBLOCK);
    }
}

/* ---- The folder ---- */

enum vitlrp_status scratch_folder_make(struct scratch_folder *folder, struct vitlrp_error *err) {
    const char *parent = getenv("TMPDIR");
    parent = parent == NULL || parent[0] == '\0' ? "/tmp" : parent;
    *folder = (struct scratch_folder){.lock = -1};
    TRY(folder_open(parent, &folder->parent, err));
    remove_dead(folder->parent, parent);
    set_mask(SIG_BLOCK);
    enum vitlrp_status status = make_in(parent, folder, err);
    if (status != VITLRP_OK) {
        set_mask(SIG_UNBLOCK);
        close(folder->parent);
    } else {
        watch(folder);
    }
    return error_prefix(err, status, parent);
}

void scratch_folder_remove(struct scratch_folder *folder) {
    if (folder->path == NULL) {
        return;
    }
    folder_live_remove(folder->parent, name_of(folder));
    watch_no_more(folder);
    close(folder->parent);
    if (folder->lock >= 0) {
        close(folder->lock);
    }
    mem_free(folder->path);
    *folder = (struct scratch_folder){.lock = -1};
}
