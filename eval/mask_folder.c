#include "eval/mask_folder.h"

#include <math.h>

#include "base/file.h"
#include "base/mem.h"
#include "eval/image_file.h"
#include "eval/segmentation.h"
#include "imgio/photograph.h"

static const struct image_file_form FORMS[] = {{true, ".png"}, {false, ".png"}, {false, NULL}};
static const struct image_file_kind MASKS = {"mask", ".png", FORMS};

/* The pixel in whose square a place lies; -1 beyond the picture. */
static int64_t pixel_at(double place, int32_t size) {
    double floored = floor(place);
    return floored >= 0.0 && floored < (double) size ? (int64_t) floored : -1;
}

/* What the pixels of the input are. */
static void lay_mask(const struct image *picture, const struct preprocess_plan *plan,
                     uint8_t *mask) {
    const struct vitlrp_geometry *geometry = &plan->geometry;
    int32_t height = plan->resize.window_height;
    int32_t width = plan->resize.window_width;
    for (int32_t y = 0; y < height; y++) {
        int64_t row =
            pixel_at(geometry->top + (y + 0.5) * geometry->height / height, picture->height);
        for (int32_t x = 0; x < width; x++) {
            int64_t column =
                pixel_at(geometry->left + (x + 0.5) * geometry->width / width, picture->width);
            uint8_t *out = mask + (int64_t) y * width + x;
            if (row < 0 || column < 0) {
                *out = SEGMENT_NONE;
                continue;
            }
            const uint8_t *rgb = picture->rgb + 3 * (row * picture->width + column);
            *out = (rgb[0] | rgb[1] | rgb[2]) != 0 ? SEGMENT_OBJECT : SEGMENT_BACKGROUND;
        }
    }
}

static enum vitlrp_status read_bytes(const struct mask_folder *folder, const struct bytes *file,
                                     const struct preprocess_plan *plan, uint8_t *mask,
                                     struct vitlrp_error *err) {
    const struct vitlrp_geometry *geometry = &plan->geometry;
    struct photograph found;
    TRY(photograph_decode(file->data, file->size, &folder->limits, false, &found, err));
    enum vitlrp_status status = VITLRP_OK;
    if (found.width != geometry->image_width || found.height != geometry->image_height) {
        status =
            fail(err, VITLRP_MISMATCH, "a mask of %d x %d pixels, and its photograph has %d x %d",
                 found.width, found.height, geometry->image_width, geometry->image_height);
    } else {
        lay_mask(&found.pixels, plan, mask);
    }
    image_free(&found.pixels);
    return status;
}

enum vitlrp_status mask_folder_read(const struct mask_folder *folder, const char *id,
                                    const struct preprocess_plan *plan, uint8_t *mask,
                                    char sha256[SHA256_TEXT], struct vitlrp_error *err) {
    char *path = NULL;
    struct bytes file = {0};
    TRY(image_file_find(folder->path, id, &MASKS, &path, err));
    enum vitlrp_status status = file_read(path, folder->limits.max_file_bytes, &file, err);
    if (status == VITLRP_OK) {
        status = sha256_bytes(file.data, file.size, sha256, err);
    }
    if (status == VITLRP_OK) {
        status = error_prefix(err, read_bytes(folder, &file, plan, mask, err), path);
    }
    bytes_free(&file);
    mem_free(path);
    return status;
}

bool mask_folder_has_changed(const char *path, const char *id, const char *sha256) {
    return image_file_has_changed(path, id, &MASKS, sha256);
}

enum vitlrp_status mask_folder_check(const struct mask_folder *folder,
                                     const struct eval_item *items, size_t count,
                                     struct vitlrp_error *err) {
    TRY(image_file_check_folder(folder->path, "masks", err));
    for (size_t i = 0; i < count; i++) {
        char *path = NULL;
        TRY(image_file_find(folder->path, items[i].id, &MASKS, &path, err));
        enum vitlrp_status status = file_tell(&folder->inputs, path, err);
        mem_free(path);
        TRY(status);
    }
    return VITLRP_OK;
}
