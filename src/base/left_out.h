/* What a dataset leaves out, in the words of the library's log and of the command. */
#ifndef BASE_LEFT_OUT_H
#define BASE_LEFT_OUT_H

#include <stddef.h>

#include "vitlrp_types.h"

struct left_out {
    size_t unread; /* folders */
    const char *first_unread;
    size_t skipped, found;    /* images without a label, of so many */
    size_t own;               /* pictures that the program wrote */
    size_t not_read;          /* pictures of other kinds */
    const char *kinds;        /* of these: "2 heic, 1 webp" */
    const char *silent_truth; /* a file of labels that names no image; NULL: there is none */
};

/* A warning for each kind that there is. */
void left_out_warn(const struct left_out *left_out, const struct vitlrp_log *log);

#endif
