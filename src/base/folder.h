/* Folders by descriptor: whoever puts a link into a folder of results does not choose where we
 * write, delete or read. */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* True if the path leads to a folder, links and all. */
bool folder_is(const char *path);

/* True if the path leads to anything, links and all. */
bool path_is_there(const char *path);

/* True if anything has that name in the folder (AT_FDCWD: the current one), a link that leads
 * nowhere too. */
bool folder_has(int folder, const char *name);

/* Opens a folder by the path that the user gave, links and all. *out is owned: close it. */
enum vitlrp_status folder_open(const char *path, int *out, struct vitlrp_error *err);

/* Opens the folder `name` in another one. IO, naming it, for a link or a file in its place. `make`
 * creates it where it is missing. *out is owned. */
enum vitlrp_status folder_enter(int folder, const char *name, bool make, int *out,
                                struct vitlrp_error *err);

/* Opens the folder of `path` below the root: "a/b" for "a/b/c.png". *name is the last part, in
 * `path`. FORMAT for a path that leaves the root. Otherwise as folder_enter, for each part. */
enum vitlrp_status folder_enter_below(int root, const char *path, bool make, int *out,
                                      const char **name, struct vitlrp_error *err);

/* True if the path leads to a file in the folder, or below it; links are followed. */
bool folder_holds(int folder, const char *path);

/* True if the name in the folder still leads to the open file: it was neither removed nor replaced,
 * and is no link to it. */
bool folder_name_is(int folder, const char *name, int descriptor);

/* *whole is true for a whole file below the root: no link, and of so many bytes; of an unknown size
 * (-1), not empty. Fails only where nothing is known of the file: no memory, no descriptors; err,
 * which tells the two from a missing file, is not NULL. */
enum vitlrp_status folder_find_file(int root, const char *path, int64_t size, bool *whole,
                                    struct vitlrp_error *err);

#endif
