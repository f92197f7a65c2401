/* Pictures for tests: made by a formula, compared by hash or pixel by pixel. */
#ifndef TESTS_PICTURES_H
#define TESTS_PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"
#include "imgio/decode.h"
#include "imgio/image.h"

/* Channel c of pixel (x, y) is (7 x^2 + 13 y^2 + 5 x y + 101 c) mod 256, which Python computes as
 * easily. Owned: image_free. */
struct image picture_make(int32_t width, int32_t height);

/* Fails the test unless the SHA-256 of the pixels is `expected`. */
void picture_assert_sha256(const struct image *image, const char *expected);

/* decode_image with the default limits. */
enum vitlrp_status picture_decode(const void *data, size_t size, struct decoded *out,
                                  struct vitlrp_error *err);

/* Fails the test unless decoding gives a picture of this format, upright, with these pixels. */
void picture_assert_decodes(const void *data, size_t size, const char *format, const void *rgb,
                            int32_t width, int32_t height);

/* Fails the test unless decoding gives this status and a message that contains `part`. */
void picture_assert_refused(const void *data, size_t size, enum vitlrp_status status,
                            const char *part);

/* Decodes bytes of which anything may come: a picture, or a status with a message of one line. What
 * is read beyond them the sanitizers and valgrind see. */
void picture_assert_sound(const void *data, size_t size);

/* A file of golden/pictures, and what Pillow makes of it. */
struct golden_picture {
    const char *name;
    int32_t width, height, orientation; /* as stored */
    const char *sha256;                 /* of the pixels as stored */
    bool warns;
};

/* Owned: bytes_free. */
struct bytes golden_picture_read(const char *name);

/* Fails the test unless each of the files decodes to what stands beside it. */
void golden_pictures_assert(const char *format, const struct golden_picture *pictures,
                            size_t count);

/* picture_assert_sound of each file, so many times with changed bytes, half of the times cut too.
 */
void golden_pictures_damage(const struct golden_picture *pictures, size_t count, int rounds);

#endif
