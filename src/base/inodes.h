/* A set of files or folders by what they are, not by their names: device and inode. */
#ifndef BASE_INODES_H
#define BASE_INODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct stat;

/* What is known of one of them. */
struct inode {
    bool used;
    uint64_t device, number;
    size_t value; /* the caller's */
};

/* A table with open addressing, at most half full. Zeroed, it is empty. */
struct inodes {
    struct inode *places; /* owned: inodes_free */
    size_t count, capacity;
};

/* Adds one with its value, unless it is there; *is_new: it was not. */
enum vitlrp_status inodes_add(struct inodes *inodes, const struct stat *info, size_t value,
                              bool *is_new, struct vitlrp_error *err);

/* NULL if it is not there. */
const struct inode *inodes_find(const struct inodes *inodes, const struct stat *info);

void inodes_free(struct inodes *inodes);

#endif
