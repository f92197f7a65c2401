/* The directory of a zip archive. Entries are read in place; nothing is ever extracted to disk. */
#ifndef VIT_ZIP_H
#define VIT_ZIP_H

#include <stddef.h>

#include "base/file.h"
#include "base/status.h"
#include "vit/load/payload.h"
#include "vit/model/model.h"

struct zip_entry {
    char *name; /* owned by the zip */
    struct extent extent;
};

struct zip {
    const struct source *source; /* must outlive it */
    struct zip_entry *entries;   /* sorted by name */
    size_t count;
};

/* Reads and checks the whole directory: FORMAT if entries overlap, share a name, or disagree with
 * their local headers; UNSUPPORTED for encryption and methods other than stored and deflate. *out
 * is owned: zip_close, after a failure too. */
enum vitlrp_status zip_open(const struct source *source, const struct vitlrp_model_limits *limits,
                            struct zip *out, struct vitlrp_error *err);

/* The entry of that name, or NULL. */
const struct zip_entry *zip_find(const struct zip *zip, const char *name);

void zip_close(struct zip *zip);

#endif
