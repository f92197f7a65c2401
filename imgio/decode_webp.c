/* WebP through libwebp: lossy and lossless, alpha dropped. Of an animation the first frame is read,
 * on a black canvas, as Pillow has it. The container is walked here, so that a cut anywhere in it
 * is found, and what a chunk says of itself is checked before libwebp sees it. */
#include <stdbool.h>
#include <string.h>

#include <webp/decode.h>

#include "imgio/decode.h"
#include "imgio/exif.h"

#define RIFF_HEADER 12 /* "RIFF", size, "WEBP" */
#define CHUNK_HEADER 8
#define FRAME_HEADER 16 /* of an ANMF chunk: place, size, duration, flags */

#define FIRST_FRAME "this WebP is an animation: only its first frame is read"

struct webp_chunk {
    const uint8_t *name; /* four letters, followed by the size */
    const uint8_t *data;
    size_t size;
};

/* The container: what lies behind its header. */
struct webp {
    const uint8_t *data;
    size_t size;
};

/* Where a picture lies on the canvas. */
struct webp_frame {
    const uint8_t *data; /* of one picture, with its own headers */
    size_t size;
    uint32_t x, y, width, height;
};

static uint32_t u24_at(const uint8_t *at) {
    return (uint32_t) at[2] << 16 | (uint32_t) at[1] << 8 | at[0];
}

static uint32_t u32_at(const uint8_t *at) {
    return (uint32_t) at[3] << 24 | u24_at(at);
}

/* The chunk at *at, which moves behind it; false at the end, and where a chunk is cut. */
static bool webp_next(const struct webp *webp, size_t *at, struct webp_chunk *out) {
    if (*at > webp->size || webp->size - *at < CHUNK_HEADER) {
        return false;
    }
    out->name = webp->data + *at;
    out->data = out->name + CHUNK_HEADER;
    out->size = u32_at(out->name + 4);
    if (out->size > webp->size - *at - CHUNK_HEADER) {
        return false;
    }
    *at += CHUNK_HEADER + out->size + (out->size & 1);
    return true;
}

/* The first chunk of that name; false without one. */
static bool webp_find(const struct webp *webp, const char *name, struct webp_chunk *out) {
    size_t at = RIFF_HEADER;
    while (webp_next(webp, &at, out)) {
        if (memcmp(out->name, name, 4) == 0) {
            return true;
        }
    }
    return false;
}

/* Everything that the container says that it holds must be there. */
static enum vitlrp_status webp_open(const struct decode_input *input, struct webp *webp,
                                    struct vitlrp_error *err) {
    uint64_t size = (uint64_t) u32_at(input->source.memory + 4) + 8;
    struct webp_chunk chunk;
    size_t at = RIFF_HEADER;
    if (size > input->source.size) {
        return fail(err, VITLRP_FORMAT, "truncated WebP");
    }
    *webp = (struct webp){input->source.memory, (size_t) size};
    while (webp_next(webp, &at, &chunk)) {
    }
    return at >= webp->size ? VITLRP_OK
                            : fail(err, VITLRP_FORMAT, "bad WebP: a chunk is cut short");
}

static enum vitlrp_status webp_fail(VP8StatusCode code, struct vitlrp_error *err) {
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return fail(err, VITLRP_NOMEM, "out of memory for a WebP");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return fail(err, VITLRP_FORMAT, "truncated WebP");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return fail(err, VITLRP_UNSUPPORTED, "WebP with a feature that is not read");
    case VP8_STATUS_OK:
    case VP8_STATUS_INVALID_PARAM:
    case VP8_STATUS_BITSTREAM_ERROR:
    case VP8_STATUS_USER_ABORT:
        break;
    }
    return fail(err, VITLRP_FORMAT, "bad WebP: libwebp reports status %d", (int) code);
}

/* The first frame of an animation, within a canvas of that size. */
static enum vitlrp_status webp_first_frame(const struct webp *webp, uint32_t width, uint32_t height,
                                           struct webp_frame *out, struct vitlrp_error *err) {
    struct webp_chunk chunk;
    if (!webp_find(webp, "ANMF", &chunk) || chunk.size < FRAME_HEADER) {
        return fail(err, VITLRP_FORMAT, "bad WebP: an animation without a frame");
    }
    *out = (struct webp_frame){.data = chunk.data + FRAME_HEADER,
                               .size = chunk.size - FRAME_HEADER,
                               .x = 2 * u24_at(chunk.data),
                               .y = 2 * u24_at(chunk.data + 3),
                               .width = u24_at(chunk.data + 6) + 1,
                               .height = u24_at(chunk.data + 9) + 1};
    if (out->width > width || out->x > width - out->width || out->height > height ||
        out->y > height - out->height) {
        return fail(err, VITLRP_FORMAT, "bad WebP: a frame reaches beyond the picture");
    }
    return VITLRP_OK;
}

static enum vitlrp_status webp_read_frame(const struct webp_frame *frame, struct image *image,
                                          struct vitlrp_error *err) {
    WebPDecoderConfig config;
    size_t stride = (size_t) image->width * 3;
    size_t offset = (size_t) frame->y * stride + (size_t) frame->x * 3;
    if (!WebPInitDecoderConfig(&config)) {
        return fail(err, VITLRP_INTERNAL, "libwebp has another version than at the build");
    }
    VP8StatusCode code = WebPGetFeatures(frame->data, frame->size, &config.input);
    if (code != VP8_STATUS_OK) {
        return webp_fail(code, err);
    }
    if (config.input.has_animation || (uint32_t) config.input.width != frame->width ||
        (uint32_t) config.input.height != frame->height) {
        return fail(err, VITLRP_FORMAT, "bad WebP: a frame has another size than it says");
    }
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = image->rgb + offset;
    config.output.u.RGBA.stride = (int) stride;
    config.output.u.RGBA.size = stride * (size_t) image->height - offset;
    code = WebPDecode(frame->data, frame->size, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? VITLRP_OK : webp_fail(code, err);
}

/* Of EXIF, else of XMP, as for Pillow. */
static int32_t webp_orientation(const struct webp *webp) {
    struct webp_chunk chunk;
    int32_t orientation = 0;
    if (webp_find(webp, "EXIF", &chunk) && chunk.size > 0) {
        orientation = exif_orientation(chunk.data, chunk.size);
    }
    if (orientation == 0 && webp_find(webp, "XMP ", &chunk)) {
        orientation = xmp_orientation(chunk.data, chunk.size);
    }
    return orientation != 0 ? orientation : 1;
}

enum vitlrp_status decode_webp(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err) {
    struct webp webp;
    WebPBitstreamFeatures features;
    TRY(webp_open(input, &webp, err));
    VP8StatusCode code = WebPGetFeatures(webp.data, webp.size, &features);
    if (code != VP8_STATUS_OK) {
        return webp_fail(code, err);
    }
    uint32_t width = (uint32_t) features.width;
    uint32_t height = (uint32_t) features.height;
    struct webp_frame frame = {webp.data, webp.size, 0, 0, width, height};
    TRY(image_check_whole(input->limits, width, height, err));
    if (features.has_animation) {
        TRY(webp_first_frame(&webp, width, height, &frame, err));
        out->warning = FIRST_FRAME;
    }
    TRY(image_alloc(features.width, features.height, &out->image, err));
    enum vitlrp_status status = webp_read_frame(&frame, &out->image, err);
    if (status != VITLRP_OK) {
        image_free(&out->image);
        return status;
    }
    out->orientation = webp_orientation(&webp);
    return VITLRP_OK;
}

void decode_webp_describe(struct text *out) {
    int version = WebPGetDecoderVersion();
    text_printf(out, "libwebp %d.%d.%d", version >> 16, version >> 8 & 255, version & 255);
}
