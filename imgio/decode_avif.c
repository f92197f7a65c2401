/* AVIF through libavif, by one thread: of a sequence the first picture, of 10 and 12 bits the upper
 * 8. Alpha is dropped, crops ("clap") and EXIF's orientation have no effect, and the turns of the
 * container have, as for Pillow. The container's size is checked before AV1 data are decoded, and
 * what the codec may take follows from it. */
#include <stdbool.h>
#include <string.h>

#include <avif/avif.h>

#include "base/mem.h"
#include "imgio/decode.h"
#include "imgio/exif.h"

#define FIRST_PICTURE "this AVIF is a sequence: only its first picture is read"

/* Of a pixel in the codec: four planes of up to 16 bits. */
#define CODEC_BYTES_A_PIXEL 8

#if AVIF_VERSION >= 1000000
#define MIRROR_AXIS axis
#else
#define MIRROR_AXIS mode
#endif

static enum vitlrp_status avif_fail(avifResult result, struct vitlrp_error *err) {
    switch (result) {
    case AVIF_RESULT_OUT_OF_MEMORY:
        return fail(err, VITLRP_NOMEM, "out of memory for an AVIF");
    case AVIF_RESULT_TRUNCATED_DATA:
        return fail(err, VITLRP_FORMAT, "truncated AVIF");
    case AVIF_RESULT_NOT_IMPLEMENTED:
    case AVIF_RESULT_NO_CODEC_AVAILABLE:
    case AVIF_RESULT_UNSUPPORTED_DEPTH:
        return fail(err, VITLRP_UNSUPPORTED, "AVIF of a kind that is not read: %s",
                    avifResultToString(result));
    default:
        return fail(err, VITLRP_FORMAT, "bad AVIF: %s", avifResultToString(result));
    }
}

/* NULL without memory. `pixels` is the most that libavif and its codec take of a picture. */
static avifDecoder *decoder_open(uint32_t pixels) {
    avifDecoder *decoder = avifDecoderCreate();
    if (decoder != NULL) {
        decoder->maxThreads = 1;
        decoder->imageSizeLimit = pixels;
        /* Wrong crops and files of old versions of libheif are read, as by Pillow. */
        decoder->strictFlags &=
            ~(avifStrictFlags) (AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    }
    return decoder;
}

static enum vitlrp_status decoder_parse(avifDecoder *decoder, const struct decode_input *input,
                                        struct vitlrp_error *err) {
    if (decoder == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an AVIF");
    }
    avifResult result = avifDecoderSetIOMemory(decoder, input->source.memory, input->source.size);
    if (result == AVIF_RESULT_OK) {
        result = avifDecoderParse(decoder);
    }
    return result == AVIF_RESULT_OK ? VITLRP_OK : avif_fail(result, err);
}

/* Of the container alone: a picture within the limits, of *pixels pixels. */
static enum vitlrp_status check_container(const struct decode_input *input, uint32_t *pixels,
                                          struct vitlrp_error *err) {
    avifDecoder *decoder = decoder_open(AVIF_DEFAULT_IMAGE_SIZE_LIMIT);
    enum vitlrp_status status = decoder_parse(decoder, input, err);
    if (status == VITLRP_OK) {
        const avifImage *image = decoder->image;
        status = image_check_whole(input->limits, image->width, image->height, err);
        *pixels = image->width * image->height; /* checked by libavif against its limit */
    }
    if (decoder != NULL) {
        avifDecoderDestroy(decoder);
    }
    return status;
}

/* The orientation that says the same as the container's turn, which is anticlockwise, and the
 * mirroring that follows it. */
static int32_t turn_of(const avifImage *image) {
    static const int32_t TURNED[4] = {1, 8, 3, 6};
    static const int32_t MIRRORED[4][2] = {{4, 2}, {5, 7}, {2, 4}, {7, 5}};
    size_t turn = (image->transformFlags & AVIF_TRANSFORM_IROT) != 0 ? image->irot.angle & 3U : 0;
    return (image->transformFlags & AVIF_TRANSFORM_IMIR) != 0
               ? MIRRORED[turn][image->imir.MIRROR_AXIS & 1U]
               : TURNED[turn];
}

/* Pillow asks XMP where neither the container nor EXIF says anything. */
static int32_t orientation_of(const avifImage *image) {
    int32_t turn = turn_of(image);
    bool is_silent = turn == 1 && (image->exif.size == 0 ||
                                   exif_orientation(image->exif.data, image->exif.size) == 0);
    int32_t orientation =
        is_silent && image->xmp.size > 0 ? xmp_orientation(image->xmp.data, image->xmp.size) : turn;
    return orientation != 0 ? orientation : 1;
}

/* Converts to `channels` bytes a pixel. Without an alpha of its own to go to, alpha would be
 * blended with black. */
static enum vitlrp_status convert(const avifImage *image, uint32_t channels, uint8_t *out,
                                  struct vitlrp_error *err) {
    avifRGBImage rgb;
    memset(&rgb, 0, sizeof rgb);
    avifRGBImageSetDefaults(&rgb, image);
    rgb.depth = 8;
    rgb.format = channels == 4 ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = out;
    rgb.rowBytes = image->width * channels;
    avifResult result = avifImageYUVToRGB(image, &rgb);
    return result == AVIF_RESULT_OK ? VITLRP_OK : avif_fail(result, err);
}

static enum vitlrp_status convert_without_alpha(const avifImage *image, uint8_t *out,
                                                struct vitlrp_error *err) {
    size_t pixels = (size_t) image->width * image->height;
    uint8_t *rgba = mem_calloc(pixels, 4);
    if (rgba == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an AVIF");
    }
    enum vitlrp_status status = convert(image, 4, rgba, err);
    for (size_t i = 0; i < pixels && status == VITLRP_OK; i++) {
        memcpy(out + 3 * i, rgba + 4 * i, 3);
    }
    mem_free(rgba);
    return status;
}

static enum vitlrp_status read_picture(avifDecoder *decoder, const struct decode_input *input,
                                       struct decoded *out, struct vitlrp_error *err) {
    TRY(decoder_parse(decoder, input, err));
    avifResult result = avifDecoderNextImage(decoder);
    if (result != AVIF_RESULT_OK) {
        return avif_fail(result, err);
    }
    const avifImage *image = decoder->image;
    TRY(image_check_whole(input->limits, image->width, image->height, err));
    TRY(image_alloc((int32_t) image->width, (int32_t) image->height, &out->image, err));
    out->orientation = orientation_of(image);
    out->warning = decoder->imageCount > 1 ? FIRST_PICTURE : NULL;
    return image->alphaPlane != NULL ? convert_without_alpha(image, out->image.rgb, err)
                                     : convert(image, 3, out->image.rgb, err);
}

enum vitlrp_status decode_avif(const struct decode_input *input, struct decoded *out,
                               struct vitlrp_error *err) {
    uint32_t pixels = 0;
    TRY(check_container(input, &pixels, err));
    if (pixels > input->limits->max_codec_bytes / CODEC_BYTES_A_PIXEL) {
        return fail_limit(err, "this AVIF needs more than %zu MiB to decode",
                          input->limits->max_codec_bytes >> 20);
    }
    avifDecoder *decoder = decoder_open(pixels);
    enum vitlrp_status status = read_picture(decoder, input, out, err);
    if (decoder != NULL) {
        avifDecoderDestroy(decoder);
    }
    if (status != VITLRP_OK) {
        image_free(&out->image);
    }
    return status;
}

void decode_avif_describe(struct text *out) {
    char codecs[256];
    avifCodecVersions(codecs);
    text_printf(out, "libavif %s (%s)", avifVersion(), codecs);
}
