/* The image files below a folder. Looks at names and kinds of directory entries, and at the
 * beginning of what may be a picture of our own (base/picture_file.h). */
#ifndef EVAL_FOLDER_WALK_H
#define EVAL_FOLDER_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/picture_file.h"
#include "base/status.h"

struct path_list {
    char **items; /* owned, each too: path_list_free */
    size_t count, capacity;
};

/* What a walk has passed over. */
struct folder_notes {
    struct path_list unread;   /* folders that must not be read (no rights) */
    struct path_list named_so; /* files with the name of a picture of ours, without its comment:
                                  they may be somebody's, and are not to be overwritten */
    struct picture_file_tally passed_over; /* these files, and the others that are not read */
};

/* Owned lists; a zeroed record is fine. */
void folder_notes_free(struct folder_notes *notes);

/* Appends a path, of which the list takes ownership, failing or not. LIMIT beyond `limit` paths. */
enum vitlrp_status path_list_add(struct path_list *list, char *path, size_t limit,
                                 struct vitlrp_error *err);

/* The paths ("root/a/b.jpg") of all regular files below `root` that are photographs as
 * picture_file_of has it, sorted by their bytes; *notes gets what it says of the others.
 * Hidden files and folders are left out, devices and pipes too; symbolic
 * links are followed, but no folder is entered twice, and one that can be reached without a link is
 * reached so. Folders below the root that must not be read (no rights) are left out and go, sorted,
 * to notes->unread. IO for another that cannot be read, LIMIT beyond `limit` files. *out and *notes
 * are the caller's to free after a failure too. */
enum vitlrp_status folder_walk(const char *root, size_t limit, struct path_list *out,
                               struct folder_notes *notes, struct vitlrp_error *err);

void path_list_free(struct path_list *list);

#endif
