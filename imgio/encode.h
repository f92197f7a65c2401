/* Pictures to files: PNG through libpng, JPEG through libjpeg-turbo, both into memory. Writes no
 * file and chooses no name. */
#ifndef IMGIO_ENCODE_H
#define IMGIO_ENCODE_H

#include "base/file.h"
#include "base/status.h"
#include "imgio/image.h"

/* A picture whose rows are made one after the other, from the top, so that it need not be whole in
 * memory. A row [width, 3] is valid until the next one is made. */
struct row_maker {
    int32_t width, height;
    const uint8_t *(*row)(void *user, int32_t y);
    void *user;
};

/* encode_png and encode_jpeg of such a picture. */
enum vitlrp_status encode_png_rows(const struct row_maker *rows, const char *comment,
                                   struct bytes *out, struct vitlrp_error *err);
enum vitlrp_status encode_jpeg_rows(const struct row_maker *rows, const char *comment,
                                    struct bytes *out, struct vitlrp_error *err);

/* The comment (NULL: none) becomes the text chunk "Comment": tEXt if it is ASCII, else iTXt if it
 * is UTF-8, since tEXt means Latin-1. Equal arguments give equal bytes. *out is owned: bytes_free.
 */
enum vitlrp_status encode_png(const struct image *image, const char *comment, struct bytes *out,
                              struct vitlrp_error *err);

/* Quality 92 without chroma subsampling, which would smear the edges of patches and text. The
 * comment (NULL: none) goes to COM markers, several if it is longer than one can hold. UNSUPPORTED
 * beyond 65500 pixels a side. *out is owned: bytes_free. */
enum vitlrp_status encode_jpeg(const struct image *image, const char *comment, struct bytes *out,
                               struct vitlrp_error *err);

/* As encode_jpeg, at a third of the size: quality 80 with chroma subsampling, for thumbnails. */
enum vitlrp_status encode_thumbnail(const struct image *image, struct bytes *out,
                                    struct vitlrp_error *err);

#endif
