#include "api/growable.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "imgio/image.h"
#include "vit/model/model.h"

/* What the library knows of a record. */
struct growable_row {
    const char *name;
    size_t first; /* bytes up to the last field of version 0.2.0: no program has fewer */
    size_t known; /* bytes of the whole record */
    const void *defaults;
};

#define END_OF(type, field) (offsetof(type, field) + sizeof(((type *) NULL)->field))

#define GROWABLE(name, last, ...) static const struct vitlrp_##name DEFAULT_##name = {__VA_ARGS__};
#define GROWABLE_COMPOSED(name, last)
#include "api/growable.def"

static const struct vitlrp_eval_options DEFAULT_eval_options = {
    .shards = 1,
    .backend = "auto",
    .image_limits = IMAGE_LIMITS_DEFAULT,
#define WHOLE(type, member, key, low, high, first, ...) .member = (first),
#define CHOICE(...)
#define SET(type, member, ...) .member = 1,
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
#undef SET
};

static const struct growable_row ROWS[GROWABLE_COUNT] = {
#define GROWABLE(name, last, ...)                                                                  \
    {"vitlrp_" #name, END_OF(struct vitlrp_##name, last), sizeof(struct vitlrp_##name),            \
     &DEFAULT_##name},
#include "api/growable.def"
};

/* struct_size, which is the first field of all of them. */
static size_t size_of(const void *record) {
    size_t size;
    memcpy(&size, record, sizeof size);
    return size;
}

void growable_init(enum growable kind, void *to, size_t size) {
    if (to == NULL || size < sizeof size) {
        return;
    }
    memset(to, 0, size);
    memcpy(to, ROWS[kind].defaults, size_min(size, ROWS[kind].known));
    memcpy(to, &size, sizeof size);
}

enum vitlrp_status growable_read(enum growable kind, const void *from, void *out,
                                 struct vitlrp_error *err) {
    const struct growable_row *row = &ROWS[kind];
    growable_init(kind, out, row->known);
    if (from == NULL) {
        return VITLRP_OK;
    }
    size_t size = size_of(from);
    if (size < row->first || size > row->known) {
        return fail(
            err, VITLRP_USAGE,
            "struct_size of a struct %s is %zu bytes and this library knows %zu: the record "
            "was not initialised, or the program is newer than the library",
            row->name, size, row->known);
    }
    memcpy((char *) out + sizeof size, (const char *) from + sizeof size, size - sizeof size);
    return VITLRP_OK;
}

void growable_write(enum growable kind, const void *from, void *to) {
    const struct growable_row *row = &ROWS[kind];
    if (to == NULL || size_of(to) < row->first) {
        return;
    }
    size_t size = size_min(size_of(to), row->known);
    memcpy((char *) to + sizeof size, (const char *) from + sizeof size, size - sizeof size);
}

#define GROWABLE(name, last, ...)                                                                  \
    void vitlrp_##name##_init_sized(struct vitlrp_##name *record, size_t size) {                   \
        growable_init(GROWABLE_##name, record, size);                                              \
    }
#define GROWABLE_PRESET(name, last, ...)
#include "api/growable.def"
