/* Sequential reading of stored and deflated bytes, with their checksum. Refuses to give out bytes
 * that the file does not have, and a deflate stream that is shorter than announced; what stands in
 * it beyond the announced size is not looked at. */
#include "vit/load/payload.h"

#include "base/mem.h"

#define INPUT_SIZE ((size_t) 1 << 16)
/* Small enough for the checksum to find the bytes in cache. */
#define READ_STEP ((size_t) 1 << 20)

static void *inflater_alloc(void *unused, unsigned count, unsigned size) {
    (void) unused;
    return mem_calloc(count, size);
}

static void inflater_free(void *unused, void *block) {
    (void) unused;
    mem_free(block);
}

enum vitlrp_status payload_open(const struct source *source, const struct extent *extent,
                                struct payload *out, struct vitlrp_error *err) {
    *out = (struct payload){.source = source, .extent = *extent};
    if (!extent->deflated) {
        return VITLRP_OK;
    }
    out->inflater = mem_calloc(1, sizeof *out->inflater);
    out->input = mem_calloc(INPUT_SIZE, 1);
    if (out->inflater == NULL || out->input == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for decompression");
    }
    out->inflater->zalloc = inflater_alloc;
    out->inflater->zfree = inflater_free;
    /* Negative: a bare deflate stream, as zip archives hold it. */
    if (inflateInit2(out->inflater, -MAX_WBITS) != Z_OK) {
        return fail(err, VITLRP_NOMEM, "out of memory for decompression");
    }
    return VITLRP_OK;
}

static enum vitlrp_status refill(struct payload *payload, struct vitlrp_error *err) {
    uint64_t left = payload->extent.stored - payload->taken;
    size_t step = left < INPUT_SIZE ? (size_t) left : INPUT_SIZE;
    if (step == 0) {
        return fail(err, VITLRP_FORMAT, "truncated: compressed data end too early");
    }
    TRY(source_read(payload->source, payload->extent.offset + payload->taken, payload->input, step,
                    err));
    payload->taken += step;
    payload->inflater->next_in = payload->input;
    payload->inflater->avail_in = (unsigned) step;
    return VITLRP_OK;
}

static enum vitlrp_status inflate_into(struct payload *payload, unsigned char *out, size_t size,
                                       struct vitlrp_error *err) {
    z_stream *inflater = payload->inflater;
    inflater->next_out = out;
    inflater->avail_out = (unsigned) size;
    while (inflater->avail_out > 0) {
        /* Before any refill: zlib may hold output of input that it has taken already. It says
         * Z_BUF_ERROR where it has none. */
        int result = inflate(inflater, Z_NO_FLUSH);
        if (result == Z_BUF_ERROR && inflater->avail_in == 0) {
            TRY(refill(payload, err));
            continue;
        }
        if (result == Z_STREAM_END && inflater->avail_out > 0) {
            return fail(err, VITLRP_FORMAT, "compressed data are shorter than announced");
        }
        if (result == Z_MEM_ERROR) {
            return fail(err, VITLRP_NOMEM, "out of memory for decompression");
        }
        if (result != Z_OK && result != Z_STREAM_END) {
            return fail(err, VITLRP_FORMAT, "damaged compressed data");
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_step(struct payload *payload, unsigned char *out, size_t size,
                                    struct vitlrp_error *err) {
    if (payload->inflater != NULL) {
        TRY(inflate_into(payload, out, size, err));
    } else {
        TRY(source_read(payload->source, payload->extent.offset + payload->given, out, size, err));
    }
    payload->given += size;
    if (!payload->extent.has_crc) {
        return VITLRP_OK;
    }
    payload->crc = (uint32_t) crc32(payload->crc, out, (unsigned) size);
    if (payload->given == payload->extent.size && payload->crc != payload->extent.crc) {
        return fail(err, VITLRP_FORMAT, "damaged: its checksum does not match");
    }
    return VITLRP_OK;
}

enum vitlrp_status payload_read(struct payload *payload, void *out, size_t size,
                                struct vitlrp_error *err) {
    unsigned char *next = out;
    if (size > payload->extent.size - payload->given) {
        return fail(err, VITLRP_FORMAT, "truncated: its data end too early");
    }
    while (size > 0) {
        size_t step = size < READ_STEP ? size : READ_STEP;
        TRY(read_step(payload, next, step, err));
        next += step;
        size -= step;
    }
    return VITLRP_OK;
}

enum vitlrp_status payload_skip(struct payload *payload, uint64_t size, struct vitlrp_error *err) {
    unsigned char scratch[512];
    if (size > payload->extent.size - payload->given) {
        return fail(err, VITLRP_FORMAT, "truncated: its data end too early");
    }
    if (payload->inflater == NULL && size > sizeof scratch) {
        payload->given += size;
        payload->extent.has_crc = false; /* which covers the bytes passed over */
        return VITLRP_OK;
    }
    while (size > 0) {
        size_t step = size < sizeof scratch ? (size_t) size : sizeof scratch;
        TRY(read_step(payload, scratch, step, err));
        size -= step;
    }
    return VITLRP_OK;
}

void payload_close(struct payload *payload) {
    if (payload->inflater != NULL) {
        inflateEnd(payload->inflater);
    }
    mem_free(payload->inflater);
    mem_free(payload->input);
    *payload = (struct payload){0};
}

enum vitlrp_status payload_read_all(const struct source *source, const struct extent *extent,
                                    size_t limit, struct bytes *out, struct vitlrp_error *err) {
    struct payload payload = {0};
    struct bytes bytes = {0};
    enum vitlrp_status status = VITLRP_OK;
    if (extent->size > limit) {
        return fail_limit(err, "%llu bytes are more than the limit of %zu",
                          (unsigned long long) extent->size, limit);
    }
    bytes.size = (size_t) extent->size;
    bytes.data = mem_calloc(bytes.size, 1);
    if (bytes.data == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu bytes", bytes.size);
    }
    TRY_GOTO(status, payload_open(source, extent, &payload, err), cleanup);
    TRY_GOTO(status, payload_read(&payload, bytes.data, bytes.size, err), cleanup);
    *out = bytes;
    bytes = (struct bytes){0};

cleanup:
    payload_close(&payload);
    bytes_free(&bytes);
    return status;
}
