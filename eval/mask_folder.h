/* Masks of the objects: a folder that has one picture for every image, of the photograph's size. */
#ifndef EVAL_MASK_FOLDER_H
#define EVAL_MASK_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "base/status.h"
#include "eval/item.h"
#include "imgio/preprocess.h"

struct mask_folder {
    const char *path;
    struct vitlrp_image_limits limits;
    struct vitlrp_inputs inputs; /* gets the name of every mask that is found */
};

/* The mask of an image where the plan lays its photograph: mask [window_height, window_width of the
 * plan's resize], enum segment (eval/segmentation.h). Its file is the first that is there of ID.png
 * and STEM.png below the folder, then of the same without the id's folders. Black is background,
 * any other colour the object. A pixel of the input takes the pixel of the photograph in which its
 * middle lies, as Pillow's NEAREST does. FORMAT, IO or MISMATCH, naming the file or the image, for
 * anything else, masks of another size than the upright photograph among it. Any thread. */
enum vitlrp_status mask_folder_read(const struct mask_folder *folder, const char *id,
                                    const struct preprocess_plan *plan, uint8_t *mask,
                                    char sha256[SHA256_TEXT], struct vitlrp_error *err);

/* True if the image has no mask in that folder now, or one of another hash. */
bool mask_folder_has_changed(const char *path, const char *id, const char *sha256);

/* Finds the masks of all images before any work is done for them. */
enum vitlrp_status mask_folder_check(const struct mask_folder *folder,
                                     const struct eval_item *items, size_t count,
                                     struct vitlrp_error *err);

#endif
