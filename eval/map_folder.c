#include "eval/map_folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "base/npy.h"
#include "base/text.h"
#include "eval/image_file.h"

#define SHOWN 200

const struct vit_method MAPS_OF_A_FOLDER = {.name = "maps",
                                            .summary = "maps that were made elsewhere"};

static const struct image_file_form FORMS[] = {
    {true, ".npy"}, {false, ".npy"}, {false, ".raw.npy"}, {false, NULL}};
static const struct image_file_kind MAPS = {"map", ".npy", FORMS};

/* The file of an image's map. *out is owned: mem_free. */
static enum vitlrp_status find_file(const struct map_folder *folder, const char *id, char **out,
                                    struct vitlrp_error *err) {
    return image_file_find(folder->path, id, &MAPS, out, err);
}

/* ---- What it holds ---- */

/* The array's rows and columns, leading axes of length 1 left out; false if it has other axes. */
static bool shape_of(const struct npy_header *header, size_t *rows, size_t *columns) {
    size_t first = 0;
    while (header->rank - first > 2 && header->shape[first] == 1) {
        first++;
    }
    if (header->rank - first != 2) {
        return false;
    }
    *rows = header->shape[first];
    *columns = header->shape[first + 1];
    return true;
}

static enum vitlrp_status fail_shape(const struct localize_grid *grid,
                                     const struct npy_header *header, struct vitlrp_error *err) {
    struct text shape = {.limit = 512};
    size_t height = grid->rows * grid->patch_height;
    size_t width = grid->columns * grid->patch_width;
    size_t rows = 0;
    size_t columns = 0;
    bool plane = shape_of(header, &rows, &columns);
    bool turned = plane && ((rows == grid->columns && columns == grid->rows) ||
                            (rows == width && columns == height));
    for (size_t i = 0; i < header->rank; i++) {
        text_printf(&shape, "%s%zu", i == 0 ? "" : ", ", header->shape[i]);
    }
    enum vitlrp_status status = fail(
        err, VITLRP_MISMATCH,
        "has the shape (%s)%s; a map of this model has (%zu, %zu), its patches, or (%zu, %zu), "
        "the pixels of its input",
        shape.failed || shape.data == NULL ? "" : shape.data, turned ? ", which is transposed" : "",
        grid->rows, grid->columns, height, width);
    text_free(&shape);
    return status;
}

static enum vitlrp_status check_header(const struct localize_grid *grid,
                                       const struct npy_header *header, struct vitlrp_error *err) {
    size_t rows = 0;
    size_t columns = 0;
    if (header->kind != 'f' || (header->item_size != 4 && header->item_size != 8)) {
        return fail(err, VITLRP_MISMATCH, "must hold float32 or float64 values");
    }
    if (header->fortran_order) {
        return fail(err, VITLRP_MISMATCH,
                    "is in Fortran order, as NumPy saves what was transposed: save "
                    "numpy.ascontiguousarray(map)");
    }
    bool fits = shape_of(header, &rows, &columns);
    bool is_patches = rows == grid->rows && columns == grid->columns;
    bool is_pixels =
        rows == grid->rows * grid->patch_height && columns == grid->columns * grid->patch_width;
    return fits && (is_patches || is_pixels) ? VITLRP_OK : fail_shape(grid, header, err);
}

/* Element `index` of the array, whose bytes may lie anywhere. */
static double value_at(const struct npy_header *header, const unsigned char *data, size_t index) {
    float narrow;
    double wide;
    if (header->item_size == sizeof narrow) {
        little_endian_copy(&narrow, data + index * sizeof narrow, sizeof narrow, 1);
        return (double) narrow;
    }
    little_endian_copy(&wide, data + index * sizeof wide, sizeof wide, 1);
    return wide;
}

/* Sums the values over patches of height x width of them. */
static enum vitlrp_status sum_patches(const struct localize_grid *grid,
                                      const struct npy_header *header, const unsigned char *data,
                                      float *patches, struct vitlrp_error *err) {
    size_t area = header->count / (grid->rows * grid->columns);
    size_t height = area == 1 ? 1 : grid->patch_height;
    size_t width = area == 1 ? 1 : grid->patch_width;
    size_t columns = grid->columns * width;
    for (size_t p = 0; p < grid->rows * grid->columns; p++) {
        size_t top = p / grid->columns * height;
        size_t left = p % grid->columns * width;
        double sum = 0.0;
        for (size_t i = 0; i < area; i++) {
            sum += value_at(header, data, (top + i / width) * columns + left + i % width);
        }
        patches[p] = (float) sum;
        if (!isfinite(patches[p])) {
            return fail(err, VITLRP_NUMERIC, "is not finite at patch (%zu, %zu)", p / grid->columns,
                        p % grid->columns);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status decode(const struct localize_grid *grid, const struct bytes *file,
                                 float *patches, struct vitlrp_error *err) {
    struct npy_header header;
    TRY(npy_parse_header(file->data, file->size, file->size, &header, err));
    TRY(check_header(grid, &header, err));
    return sum_patches(grid, &header, file->data + header.data_offset, patches, err);
}

/* The map in that file. */
static enum vitlrp_status read_file(const struct map_folder *folder, const char *path,
                                    float *patches, char sha256[SHA256_TEXT],
                                    struct vitlrp_error *err) {
    struct bytes file = {0};
    TRY(file_read(path, MAP_FILE_LIMIT, &file, err));
    enum vitlrp_status status = sha256_bytes(file.data, file.size, sha256, err);
    if (status == VITLRP_OK) {
        status = error_prefix(err, decode(&folder->grid, &file, patches, err), path);
    }
    bytes_free(&file);
    return status;
}

enum vitlrp_status map_folder_read(const struct map_folder *folder, const char *id, float *patches,
                                   char sha256[SHA256_TEXT], struct vitlrp_error *err) {
    char *path = NULL;
    TRY(find_file(folder, id, &path, err));
    enum vitlrp_status status = read_file(folder, path, patches, sha256, err);
    mem_free(path);
    return status;
}

bool map_folder_has_changed(const char *path, const char *id, const char *sha256) {
    return image_file_has_changed(path, id, &MAPS, sha256);
}

/* ---- All of them ---- */

enum vitlrp_status map_folder_find(const struct map_folder *folder, const struct eval_item *items,
                                   size_t count, struct vitlrp_error *err) {
    TRY(image_file_check_folder(folder->path, "maps", err));
    for (size_t i = 0; i < count; i++) {
        char *path = NULL;
        TRY(find_file(folder, items[i].id, &path, err));
        enum vitlrp_status status = file_tell(&folder->inputs, path, err);
        mem_free(path);
        TRY(status);
    }
    return VITLRP_OK;
}

/* An image and its file. */
struct claim {
    char *path; /* owned */
    const char *id;
};

static int compare_claims(const void *left, const void *right) {
    const struct claim *a = left;
    const struct claim *b = right;
    return strcmp(a->path, b->path);
}

static enum vitlrp_status check_claims(struct claim *claims, size_t count,
                                       struct vitlrp_error *err) {
    char names[3][SHOWN];
    qsort(claims, count, sizeof *claims, compare_claims);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(claims[i].path, claims[i - 1].path) == 0) {
            text_escape_name(names[0], SHOWN, claims[i].path);
            text_escape_name(names[1], SHOWN, claims[i - 1].id);
            text_escape_name(names[2], SHOWN, claims[i].id);
            return fail(err, VITLRP_MISMATCH,
                        "%s would be the map of %s and of %s: name maps by the whole path of their "
                        "images",
                        names[0], names[1], names[2]);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_images(const struct map_folder *folder,
                                       const struct eval_item *items, size_t count,
                                       struct claim *claims, float *patches,
                                       struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    for (size_t i = 0; i < count; i++) {
        claims[i].id = items[i].id;
        TRY(find_file(folder, items[i].id, &claims[i].path, err));
        TRY(file_tell(&folder->inputs, claims[i].path, err));
        TRY(read_file(folder, claims[i].path, patches, digest, err));
    }
    return check_claims(claims, count, err);
}

enum vitlrp_status map_folder_check(const struct map_folder *folder, const struct eval_item *items,
                                    size_t count, struct vitlrp_error *err) {
    enum vitlrp_status status;
    TRY(image_file_check_folder(folder->path, "maps", err));
    struct claim *claims = mem_calloc(count, sizeof *claims);
    float *patches = mem_calloc(folder->grid.rows * folder->grid.columns, sizeof *patches);
    if (claims == NULL || patches == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the maps of %zu images", count);
    } else {
        status = check_images(folder, items, count, claims, patches, err);
    }
    for (size_t i = 0; claims != NULL && i < count; i++) {
        mem_free(claims[i].path);
    }
    mem_free(claims);
    mem_free(patches);
    return status;
}
