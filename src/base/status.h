/* Statuses and the caller-owned error record that every layer reports through.
 * Refuses to print, to log or to end the process: what to do about a failure is the caller's
 * business. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_USAGE,       /* an argument is out of its documented range */
    STATUS_IO,          /* the operating system refused: system_errno says why */
    STATUS_FORMAT,      /* bytes that are not what they claim to be */
    STATUS_UNSUPPORTED, /* valid, but outside what this program handles */
    STATUS_LIMIT,       /* larger than a resource limit allows */
    STATUS_NOMEM,
    STATUS_MISMATCH, /* two inputs that do not fit each other (weights and architecture, say) */
    STATUS_NUMERIC,  /* NaN or infinity where finite numbers are needed */
    STATUS_CANCELLED,
    STATUS_INTERNAL /* a bug of ours */
};

/* Owned by the caller, overwritten by a failing call only. message is one line of UTF-8, always
 * terminated. */
struct error {
    enum status status;
    int system_errno;
    char message[512];
};

/* Fills *err (which may be NULL) and returns status, so that `return fail(err, ...)` reads as one
 * step. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
enum status
fail(struct error *err, enum status status, const char *format, ...);

/* As fail with STATUS_IO: appends ": " and the text of system_errno. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
enum status
fail_errno(struct error *err, int system_errno, const char *format, ...);

/* Puts "prefix: " before the message of a failed call, for callers that know the file's name. The
 * prefix is escaped (base/text.h) and, if long, loses its beginning; returns err's status. NULL
 * err: returns status unchanged. */
enum status error_prefix(struct error *err, enum status status, const char *prefix);

/* Forwards a failure to the caller. For functions that hold nothing to release. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum status try_status_ = (call);                                                          \
        if (try_status_ != STATUS_OK) {                                                            \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (0)

/* Stores the failure in `variable` and goes to the function's one cleanup label. */
#define TRY_GOTO(variable, call, label)                                                            \
    do {                                                                                           \
        (variable) = (call);                                                                       \
        if ((variable) != STATUS_OK) {                                                             \
            goto label;                                                                            \
        }                                                                                          \
    } while (0)

#endif
