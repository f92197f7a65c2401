/* Other people's maps as a method: a folder that has one .npy for every image. */
#ifndef EVAL_MAP_FOLDER_H
#define EVAL_MAP_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/sha256.h"
#include "base/status.h"
#include "eval/item.h"
#include "eval/localize.h"
#include "vit/methods/method.h"

/* Longest file of a map: 4,096 x 4,096 pixels as float64 have half of it. */
#define MAP_FILE_LIMIT ((size_t) 1 << 28)

/* What stands for a method where maps are read: it needs nothing, reads no option, does no work and
 * attributes nothing. */
extern const struct vit_method MAPS_OF_A_FOLDER;

struct map_folder {
    const char *path;
    struct localize_grid grid;   /* of the model's input */
    struct vitlrp_inputs inputs; /* gets the name of every map that is checked */
};

/* The scores of an image: patches [grid.rows, grid.columns], and the hash of the file's bytes. Its
 * file is the first that is there of ID.npy, STEM.npy and STEM.raw.npy (which batch writes), STEM
 * being the id without its ending, below the folder; then of the same without the id's folders.
 * It has float32 or float64 values in C order of shape (rows, columns), or (rows, columns) of the
 * input's pixels, whose sums over patches are the scores; leading axes of length 1 are passed over.
 * IO, FORMAT, MISMATCH or NUMERIC, naming the file or the image, for anything else. Any thread. */
enum vitlrp_status map_folder_read(const struct map_folder *folder, const char *id, float *patches,
                                   char sha256[SHA256_TEXT], struct vitlrp_error *err);

/* True if the image has no map in that folder now, or one of another hash. */
bool map_folder_has_changed(const char *path, const char *id, const char *sha256);

/* Finds the maps of all images, and reads none. */
enum vitlrp_status map_folder_find(const struct map_folder *folder, const struct eval_item *items,
                                   size_t count, struct vitlrp_error *err);

/* Reads the maps of all images before any work is done for them: as map_folder_read; MISMATCH if
 * two images would have the same file. */
enum vitlrp_status map_folder_check(const struct map_folder *folder, const struct eval_item *items,
                                    size_t count, struct vitlrp_error *err);

#endif
