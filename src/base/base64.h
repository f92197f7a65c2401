/* Base64 (RFC 4648, with padding): pictures inside of JSON and HTML. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

void base64_append(struct text *out, const void *data, size_t size);

/* FORMAT for other characters, blanks included, and for a wrong length. *out is owned: bytes_free.
 */
enum vitlrp_status base64_decode(const char *text, size_t length, struct bytes *out,
                                 struct vitlrp_error *err);

#endif
