#define _POSIX_C_SOURCE 200809L
#include "own_pictures.h"

#include <fcntl.h>

#include "base/mem.h"
#include "base/picture_file.h"

enum vitlrp_status own_pictures_pass_over(const struct args *args, struct chosen_images *out,
                                          struct vitlrp_error *err) {
    size_t count = args->operand_count;
    *out = (struct chosen_images){.args = *args};
    out->args.operand_count = 0;
    out->args.operands = mem_calloc(count + 1, sizeof *out->args.operands);
    out->passed_over = mem_calloc(count + 1, sizeof *out->passed_over);
    if (out->args.operands == NULL || out->passed_over == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu names", count);
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = args->operands[i];
        if (count > 1 && picture_file_of(AT_FDCWD, path) == PICTURE_FILE_OWN) {
            out->passed_over[out->passed_over_count++] = path;
        } else {
            out->args.operands[out->args.operand_count++] = path;
        }
    }
    return out->args.operand_count > 0
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE,
                      "all %zu images are pictures of our own, which are passed over; one that is "
                      "named alone is read",
                      count);
}

enum vitlrp_status own_pictures_guard(const struct chosen_images *chosen, struct guard *guard,
                                      struct vitlrp_error *err) {
    for (size_t i = 0; i < chosen->passed_over_count; i++) {
        const char *path = chosen->passed_over[i];
        if (!picture_file_is_commented(AT_FDCWD, path)) {
            TRY(guard_input(guard, path, err));
        }
    }
    return VITLRP_OK;
}

void chosen_images_free(struct chosen_images *chosen) {
    mem_free(chosen->args.operands);
    mem_free(chosen->passed_over);
    *chosen = (struct chosen_images){0};
}
