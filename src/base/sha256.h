/* SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal digits. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "base/status.h"

#define SHA256_TEXT ((size_t) 65) /* with the terminator */

enum vitlrp_status sha256_bytes(const void *data, size_t size, char out[SHA256_TEXT],
                                struct vitlrp_error *err);

/* Bytes that come one part after another. */
struct sha256 {
    void *context; /* owned: sha256_end */
    bool failed;
};

struct sha256 sha256_begin(void);
void sha256_add(struct sha256 *hash, const void *data, size_t size);

/* Its only failure is one of memory. Releases the hash, failing or not. */
enum vitlrp_status sha256_end(struct sha256 *hash, char out[SHA256_TEXT], struct vitlrp_error *err);

/* Likewise, of bytes that were added with this status: one of a failure is returned, and nothing
 * else happens. */
enum vitlrp_status sha256_finish(struct sha256 *hash, enum vitlrp_status status,
                                 char out[SHA256_TEXT], struct vitlrp_error *err);

/* Of the whole source. */
enum vitlrp_status sha256_source(const struct source *source, char out[SHA256_TEXT],
                                 struct vitlrp_error *err);

/* True if the file can be read and its hash is another one than this. */
bool sha256_file_differs(const char *path, const char *digest);

/* True for 64 lower-case hexadecimal digits. */
bool sha256_is_text(const char *text);

#endif
