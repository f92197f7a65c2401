/* Compressed data in memory: zlib streams and gzip files. */
#ifndef TEXT_UNPACK_H
#define TEXT_UNPACK_H

#include <stddef.h>

#include "base/status.h"
#include "base/text.h"

/* Appends what the stream holds, within *out's limit. FORMAT for a damaged or incomplete one, or
 * for bytes behind it; LIMIT, NOMEM. */
enum vitlrp_status unpack(const void *data, size_t size, struct text *out,
                          struct vitlrp_error *err);

#endif
