/* The folder of a batch: a place to write, locked for this process, whose run begins or is
 * resumed, and is put into order at its end. The next run removes what a killed process left. */
#ifndef CLI_BATCH_STORE_H
#define CLI_BATCH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/journal.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/status.h"
#include "base/text.h"
#include "batch_plan.h"
#include "cli/console.h"
#include "cli/guard.h"

struct batch_store {
    const char *folder;
    const struct guard *guard; /* of what must not be overwritten; NULL: nothing */
    /* Descriptors, -1 if there is none. Below the root no link is followed. */
    int root;    /* of the folder */
    int hidden;  /* of its hidden folder */
    int staging; /* of a folder in that, of this shard alone */
    char staging_name[48];
    struct lock lock;
    bool created; /* by this process */
    bool locked;  /* the staging folder is this process's; else it only looks */
};

#define BATCH_STORE_CLOSED                                                                         \
    ((struct batch_store){                                                                         \
        .root = -1, .hidden = -1, .staging = -1, .lock = {.folder = -1, .shard = -1}})

/* Creates the folder, if the one around it is there, and locks it. `folder` must outlive the store.
 * batch_store_close releases it, after a failure too. */
enum vitlrp_status batch_store_open(const char *folder, int32_t shard, int32_t shards,
                                    const struct console *console, struct batch_store *store,
                                    struct vitlrp_error *err);

/* For a run that only looks: creates and locks nothing, and asks whether the folder could be
 * written to. Whether another process holds its locks is not looked at. */
enum vitlrp_status batch_store_look(const char *folder, struct batch_store *store,
                                    struct vitlrp_error *err);

/* Leaves no folder that is empty and was created by this process. */
void batch_store_close(struct batch_store *store);

/* Writes a file whole, or not at all, with the folders that its path below the store's asks for.
 * Any thread. */
enum vitlrp_status batch_store_write(const struct batch_store *store, const char *path,
                                     const void *data, size_t size, struct vitlrp_error *err);

/* The place of the results of which `path` is the file. */
struct draft_place batch_journal_place(const struct batch_store *store, const char *path);

/* Writes run.json if there is none, or compares with it; then opens the journal, in which images
 * whose files are missing, and with --retry-failed those that failed, are open again. USAGE for a
 * run of other settings, naming them, and for files in the way of a new one. A store that only
 * looks stays as it is. */
enum vitlrp_status batch_resume(const struct batch_plan *plan, const struct settings *settings,
                                const struct batch_store *store, const json_t *config,
                                struct journal *journal, struct vitlrp_error *err);

/* Of a folder without a run: USAGE if there is a page, which is then another's. */
enum vitlrp_status batch_check_page(const struct batch_store *store, struct vitlrp_error *err);

/* Puts the lines of a complete journal into order; with a page, writes that too. */
enum vitlrp_status batch_finish(const struct batch_store *store, struct journal *journal,
                                const json_t *config, bool with_page, struct vitlrp_error *err);

#endif
