/* What the files that implement vitlrp.h share: the step from internal failures to public ones. */
#ifndef API_API_H
#define API_API_H

#include <stddef.h>

#include "base/status.h"
#include "vitlrp.h"

/* Copies a failure to the caller's record (which may be NULL) and returns its status. VITLRP_OK
 * gives VITLRP_OK, leaves *error alone and does not read *internal. */
enum vitlrp_status api_status(enum vitlrp_status status, const struct vitlrp_error *internal,
                              struct vitlrp_error *error);

/* Fills *error (may be NULL) with a failure found in the public functions themselves. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
enum vitlrp_status
api_fail(struct vitlrp_error *error, enum vitlrp_status status, const char *format, ...);

/* Ends a public function with USAGE where an argument that it needs is NULL. */
#define API_NEEDS(condition, error)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return api_fail(error, VITLRP_USAGE, "%s: a NULL argument", __func__);                 \
        }                                                                                          \
    } while (0)

/* Processors that this process may run on. */
size_t api_processors(void);

#endif
