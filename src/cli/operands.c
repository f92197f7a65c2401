#define _POSIX_C_SOURCE 200809L
#include "operands.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/suggest.h"
#include "names.h"

enum vitlrp_status operands_check_verb(const struct args *args, struct vitlrp_error *err) {
    struct stat info;
    if (args->verb_given || args->operand_count == 0 || stat(args->operands[0], &info) == 0) {
        return VITLRP_OK;
    }
    const char *word = args->operands[0];
    struct suggestion suggestion = suggest_for(word, strlen(word));
    for (enum verb i = 0; i < VERB_COUNT; i++) {
        suggest_word(&suggestion, verb_name(i));
    }
    return suggestion.nearest == NULL
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "no verb or file '%s' (did you mean %s?)", word,
                      suggestion.nearest);
}

enum vitlrp_status operand_check_image(const char *path, struct vitlrp_error *err) {
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return VITLRP_OK;
    }
    return error_prefix(err,
                        fail(err, VITLRP_IO,
                             "is a folder, not an image (all images below a folder: vitlrp batch "
                             "FOLDER -o MAPS)"),
                        path);
}

enum vitlrp_status operand_check_dataset(const char *path, struct vitlrp_error *err) {
    static const char *const IMAGES[] = {".jpg",  ".jpeg", ".png", ".bmp", ".ppm",
                                         ".pgm",  ".webp", ".gif", ".tif", ".tiff",
                                         ".heic", ".avif", ".npy"};
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return VITLRP_OK;
    }
    for (size_t i = 0; i < sizeof IMAGES / sizeof IMAGES[0]; i++) {
        if (strcasecmp(name_extension(path), IMAGES[i]) == 0) {
            return error_prefix(err,
                                fail(err, VITLRP_USAGE,
                                     "is an image, not a folder or a list of images (one image: "
                                     "vitlrp IMAGE)"),
                                path);
        }
    }
    return VITLRP_OK;
}
