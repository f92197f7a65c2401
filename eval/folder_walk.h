/* The image files below a folder. Looks at names and kinds of directory entries only; opens no
 * file. */
#ifndef EVAL_FOLDER_WALK_H
#define EVAL_FOLDER_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct path_list {
    char **items; /* owned, each too: path_list_free */
    size_t count, capacity;
};

/* True if the name ends as an image that can be read does: .jpg, .jpeg, .png, .bmp, .pbm, .pgm,
 * .ppm or .pnm, in any case. */
bool path_is_image(const char *path);

/* Appends a path, of which the list takes ownership, failing or not. LIMIT beyond `limit` paths. */
enum vitlrp_status path_list_add(struct path_list *list, char *path, size_t limit,
                                 struct vitlrp_error *err);

/* The paths ("root/a/b.jpg") of all regular files below `root` whose name is that of an image,
 * sorted by their bytes. Hidden files and folders are left out, devices and pipes too; symbolic
 * links are followed, but no folder is entered twice, and one that can be reached without a link is
 * reached so. Folders below the root that must not be read (no rights) are left out and go, sorted,
 * to *unread. IO for another that cannot be read, LIMIT beyond `limit` files. *out and *unread are
 * the caller's to free after a failure too. */
enum vitlrp_status folder_walk(const char *root, size_t limit, struct path_list *out,
                               struct path_list *unread, struct vitlrp_error *err);

void path_list_sort(struct path_list *list);
void path_list_free(struct path_list *list);

#endif
