/* Keeps a run from writing over what it reads: an index of the files that are read, and of those
 * whose place outputs would take. They are compared by device and inode, so a file's other names
 * and links to it count. If two names are one file, the second is refused. */
#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "args.h"
#include "base/inodes.h"
#include "base/status.h"

/* A file in whose place an output would go. */
struct guarded_output {
    const char *option; /* a string that lives on: "--json" */
    char *path;         /* owned */
};

/* Zeroed, it is empty. */
struct guard {
    struct inodes files; /* value: 0 for an input, else its place in `outputs` plus one */
    struct guarded_output *outputs; /* owned */
    size_t output_count, output_capacity;
    bool names_come_later; /* outputs whose names are not known before the work */
};

void guard_free(struct guard *guard);

/* A file that is read. USAGE if an output would overwrite it. A name of no regular file is fine, as
 * that of standard input ("-") is. */
enum vitlrp_status guard_input(struct guard *guard, const char *path, struct vitlrp_error *err);

/* The files that the words of the command name: operands, those of options, and the model (NULL:
 * the built-in one). */
enum vitlrp_status guard_words(struct guard *guard, const struct args *args, const char *model_path,
                               struct vitlrp_error *err);

/* A file that will be written. USAGE if it is one that is read. A new file is fine, as standard
 * output ("-") is. */
enum vitlrp_status guard_output(struct guard *guard, const char *option, const char *path,
                                struct vitlrp_error *err);

/* Likewise, just before it is written; several threads may ask. */
enum vitlrp_status guard_check(const struct guard *guard, const char *option, const char *path,
                               struct vitlrp_error *err);

/* What the library is given, so that it reports the files that it finds itself: beside the
 * weights, below a dataset's folder, in a list. The outputs are known by then. */
struct vitlrp_inputs guard_inputs(struct guard *guard);

#endif
