/* A folder that keeps what is done of a run, image by image, so that the same run goes on where it
 * was killed:
 *
 *   run.json        what the run is, by which it knows its own
 *   results.jsonl   a line for each image that is done (base/journal)
 *   lock            while a process writes here */
#ifndef BASE_RUN_FOLDER_H
#define BASE_RUN_FOLDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "base/journal.h"
#include "base/lock.h"
#include "base/status.h"
#include "base/text.h"

#define RUN_FOLDER_RESULTS "results.jsonl"

struct run_folder {
    char *path;              /* owned: as the user named it */
    int folder;              /* descriptor; -1 */
    bool created;            /* by this process */
    bool is_writer;          /* of a run that is its own */
    const char *const *made; /* run_folder_run.made */
    struct lock lock;
    struct journal journal;
    bool has_mutex;
    pthread_mutex_t mutex; /* guards journal */
};

/* One that is closed. */
struct run_folder run_folder_closed(void);

/* Appends to *difference what another run the folder's is, by its run.json; nothing for the same.
 */
typedef enum vitlrp_status run_folder_compare(void *user, const char *run, size_t size,
                                              struct text *difference, struct vitlrp_error *err);

struct run_folder_run {
    struct journal_shard images;
    /* Other files of a run, up to NULL: in the way where there is no run, and gone with one without
     * results. They outlive the folder. NULL: none. */
    const char *const *made;
    const struct text *text; /* of run.json */
    run_folder_compare *compare;
    void *user;
};

/* Begins the run in this folder, which is created if it is not there, or resumes it. USAGE, naming
 * what differs, for another run's folder, and for one with files in the way; IO if another process
 * writes here. *folder is owned: run_folder_close, after a failure too. */
enum vitlrp_status run_folder_open(const char *path, const struct run_folder_run *run,
                                   struct run_folder *folder, struct vitlrp_error *err);

/* Opens what is done by now, by a process that may still be writing. *folder is owned, after a
 * failure too. */
enum vitlrp_status run_folder_look(const char *path, struct run_folder *folder,
                                   struct vitlrp_error *err);
enum vitlrp_status run_folder_look_results(struct run_folder *folder,
                                           const struct journal_shard *images,
                                           struct vitlrp_error *err);

/* USAGE, naming what differs, for a folder that is looked at and holds another run. */
enum vitlrp_status run_folder_check(const struct run_folder *folder,
                                    const struct run_folder_run *run, struct vitlrp_error *err);

/* The bytes of run.json, which are owned: bytes_free. */
enum vitlrp_status run_folder_read(const struct run_folder *folder, struct bytes *out,
                                   struct vitlrp_error *err);

/* The status of what became of those bytes; its message names the file. */
enum vitlrp_status run_folder_prefix(const struct run_folder *folder, enum vitlrp_status status,
                                     struct vitlrp_error *err);

/* Writes run.json, in place of the one that is there. */
enum vitlrp_status run_folder_write(const struct run_folder *folder, const struct text *text,
                                    struct vitlrp_error *err);

/* Adds the line (with its newline) of the image at a place. Any thread. After a failure, of the
 * text's too, the journal is as it was. */
enum vitlrp_status run_folder_add(struct run_folder *folder, size_t place, enum journal_state state,
                                  const struct text *line, struct vitlrp_error *err);

/* A closed one is fine. The folder stays, unless no image was done. */
void run_folder_close(struct run_folder *folder);

/* Removes the files of a run that has ended, and the folder if nothing else is in it. IO if another
 * process writes here. */
enum vitlrp_status run_folder_remove(const char *path, struct vitlrp_error *err);

#endif
