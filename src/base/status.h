/* Statuses and the caller-owned error record that every layer reports through.
 * Refuses to print, to log or to end the process: what to do about a failure is the caller's
 * business. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "vitlrp_types.h"

/* Fills *err (which may be NULL) and returns status, so that `return fail(err, ...)` reads as one
 * step. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
enum vitlrp_status
fail(struct vitlrp_error *err, enum vitlrp_status status, const char *format, ...);

#if defined(__clang_analyzer__)
/* The analyser of clang-tidy sees one file at a time. It shall know that fail returns what it is
 * given. */
#define fail(err, status, ...) ((void) (fail) (err, status, __VA_ARGS__), (status))
#endif

/* As fail with VITLRP_LIMIT, about a limit that the caller's options have: VITLRP_TOPIC_LIMITS. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
enum vitlrp_status
fail_limit(struct vitlrp_error *err, const char *format, ...);

#if defined(__clang_analyzer__)
#define fail_limit(err, ...) ((void) (fail_limit) (err, __VA_ARGS__), VITLRP_LIMIT)
#endif

/* As fail with VITLRP_IO, or VITLRP_NOMEM for ENOMEM: appends ": " and the text of system_errno. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
enum vitlrp_status
fail_errno(struct vitlrp_error *err, int system_errno, const char *format, ...);

/* Puts "prefix: " before the message of a failed call, for callers that know the file's name. The
 * prefix is escaped (base/text.h) and, if long, loses its beginning; returns err's status. NULL
 * err: returns status unchanged. */
enum vitlrp_status error_prefix(struct vitlrp_error *err, enum vitlrp_status status,
                                const char *prefix);

/* Says what the caller could do about a failure; `status` is returned. */
enum vitlrp_status error_topic(struct vitlrp_error *err, enum vitlrp_status status,
                               enum vitlrp_topic topic);

/* Hands a failure on as it is, errno included, from a record of the caller's own (of a worker, of a
 * call that may fail) to *err, which may be NULL. Returns from->status. */
enum vitlrp_status error_forward(struct vitlrp_error *err, const struct vitlrp_error *from);

/* True for a failure that would meet every other image too: memory, descriptors, our own bugs. It
 * is never written down as an image's. err is the failure's own record. */
bool error_is_systemic(enum vitlrp_status status, const struct vitlrp_error *err);

/* USAGE if a byte of a public record's reserved fields is not zero: it was not initialised, or its
 * program knows a field of a newer library. `what` names the record. */
enum vitlrp_status reserved_check(const void *reserved, size_t size, const char *what,
                                  struct vitlrp_error *err);

/* Forwards a failure to the caller. For functions that hold nothing to release. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum vitlrp_status try_status_ = (call);                                                   \
        if (try_status_ != VITLRP_OK) {                                                            \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (0)

/* Stores the failure in `variable` and goes to the function's one cleanup label. */
#define TRY_GOTO(variable, call, label)                                                            \
    do {                                                                                           \
        (variable) = (call);                                                                       \
        if ((variable) != VITLRP_OK) {                                                             \
            goto label;                                                                            \
        }                                                                                          \
    } while (0)

#endif
