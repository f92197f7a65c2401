/* What the files that implement the public headers share. The functions pass the caller's
 * error record, which may be NULL, straight down: fail() and its kin accept that. */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "vitlrp.h"

/* Ends a public function with USAGE where an argument that it needs is NULL. */
#define API_NEEDS(condition, error)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return fail(error, VITLRP_USAGE, "%s: a NULL argument", __func__);                     \
        }                                                                                          \
    } while (0)

/* USAGE unless every gamma is 0, positive or infinity, those beyond the last role are 0, and
 * epsilon is from 0 and finite. changes: NAN is fine as well. */
enum vitlrp_status api_check_gammas(const float gamma[VITLRP_ROLES_MAX], float epsilon,
                                    bool changes, struct vitlrp_error *err);

/* USAGE unless it is from 0 to 1. */
enum vitlrp_status api_check_share(float share, struct vitlrp_error *err);

/* USAGE for rules that no method can have. */
enum vitlrp_status api_check_rules(const struct vitlrp_rules *rules, struct vitlrp_error *err);

/* Processors that this process may run on, at most POOL_MAX_THREADS. */
size_t api_processors(void);

/* USAGE unless it is from 0 to POOL_MAX_THREADS. */
enum vitlrp_status api_check_threads(int32_t threads, struct vitlrp_error *err);

/* As many as an option asks for; 0: one for each processor. */
size_t api_threads(int32_t threads);

#endif
