/* Public records that can grow, between programs and libraries of different age. One mechanism for
 * all of them; growable.def lists them. For a record NAME there are
 *
 * - NAME_read(from, &out, err): *out = the caller's record in the library's size, with the defaults
 *   in the fields that an older program does not know; NULL: all defaults. USAGE, with both sizes,
 *   for a record that is larger than this library knows or was not initialised. Nothing of *from
 *   changes.
 * - NAME_write(&from, to): fills the fields that the caller's record has room for; its struct_size
 *   stays. Does nothing for NULL and for a record that was not initialised.
 * - the public vitlrp_NAME_init_sized. */
#ifndef API_GROWABLE_H
#define API_GROWABLE_H

#include <stddef.h>

#include "base/status.h"
#include "vitlrp_concepts.h"
#include "vitlrp_eval.h"
#include "vitlrp_words.h"

enum growable {
#define GROWABLE(name, last, ...) GROWABLE_##name,
#include "api/growable.def"
    GROWABLE_COUNT
};

/* *to, of `size` bytes, = the defaults, as far as they fit, and zeros. */
void growable_init(enum growable kind, void *to, size_t size);

enum vitlrp_status growable_read(enum growable kind, const void *from, void *out,
                                 struct vitlrp_error *err);

void growable_write(enum growable kind, const void *from, void *to);

#define GROWABLE(name, last, ...)                                                                  \
    static inline enum vitlrp_status name##_read(                                                  \
        const struct vitlrp_##name *from, struct vitlrp_##name *out, struct vitlrp_error *err) {   \
        return growable_read(GROWABLE_##name, from, out, err);                                     \
    }                                                                                              \
    static inline void name##_write(const struct vitlrp_##name *from, struct vitlrp_##name *to) {  \
        growable_write(GROWABLE_##name, from, to);                                                 \
    }
#include "api/growable.def"

#endif
