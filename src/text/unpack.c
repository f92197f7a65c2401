#include "text/unpack.h"

#include <zlib.h>

#include "base/checked.h"
#include "base/mem.h"

enum { CHUNK = 16384, ZLIB_OR_GZIP = 32 };

static void *unpack_alloc(void *unused, unsigned count, unsigned size) {
    (void) unused;
    return mem_calloc(count, size);
}

static void unpack_release(void *unused, void *block) {
    (void) unused;
    mem_free(block);
}

static enum vitlrp_status unpack_all(z_stream *stream, struct text *out, struct vitlrp_error *err) {
    char chunk[CHUNK];
    int result = Z_OK;
    while (result == Z_OK && !out->failed) {
        stream->next_out = (unsigned char *) chunk;
        stream->avail_out = CHUNK;
        result = inflate(stream, Z_NO_FLUSH);
        text_append(out, chunk, CHUNK - stream->avail_out);
    }
    TRY(text_check(out, "what is compressed", err));
    if (result == Z_MEM_ERROR) {
        return fail(err, VITLRP_NOMEM, "out of memory to unpack");
    }
    if (result != Z_STREAM_END || stream->avail_in > 0) {
        return fail(err, VITLRP_FORMAT, "the compressed data is damaged or not complete");
    }
    return VITLRP_OK;
}

enum vitlrp_status unpack(const void *data, size_t size, struct text *out,
                          struct vitlrp_error *err) {
    if (size > UINT_MAX) {
        return fail(err, VITLRP_LIMIT, "%zu compressed bytes are too many", size);
    }
    z_stream stream = {.next_in = (z_const unsigned char *) data,
                       .avail_in = (unsigned) size,
                       .zalloc = unpack_alloc,
                       .zfree = unpack_release};
    if (inflateInit2(&stream, MAX_WBITS + ZLIB_OR_GZIP) != Z_OK) {
        return fail(err, VITLRP_NOMEM, "out of memory to unpack");
    }
    enum vitlrp_status status = unpack_all(&stream, out, err);
    inflateEnd(&stream);
    return status;
}
