#include "eval/image_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/folder.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"

#define PATH_LIMIT ((size_t) 1 << 16)
#define SHOWN 200

enum vitlrp_status image_file_check_folder(const char *path, const char *plural,
                                           struct vitlrp_error *err) {
    struct stat state;
    char shown[SHOWN];
    text_escape_name(shown, sizeof shown, path);
    if (stat(path, &state) != 0) {
        return fail_errno(err, errno, "%s", shown);
    }
    return S_ISDIR(state.st_mode)
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "%s: is no folder, and %s are files of one", shown,
                      plural);
}

/* Length of the name without the ending of its last part. */
static size_t stem_length(const char *name) {
    const char *slash = strrchr(name, '/');
    const char *last = slash == NULL ? name : slash + 1;
    const char *dot = strrchr(last, '.');
    return dot == NULL || dot == last ? strlen(name) : (size_t) (dot - name);
}

/* Of an image by that name. *out is owned: mem_free; NULL: there is none. */
static enum vitlrp_status find_named(const char *folder, const char *name,
                                     const struct image_file_form *forms, char **out,
                                     struct vitlrp_error *err) {
    for (size_t i = 0; forms[i].ending != NULL; i++) {
        struct text path = {.limit = PATH_LIMIT};
        size_t length = forms[i].whole ? strlen(name) : stem_length(name);
        text_printf(&path, "%s/", folder);
        text_append(&path, name, length);
        text_append_string(&path, forms[i].ending);
        enum vitlrp_status status = text_check(&path, "the path of an image's file", err);
        if (status == VITLRP_OK && path_is_there(path.data)) {
            *out = path.data;
            return VITLRP_OK;
        }
        text_free(&path);
        TRY(status);
    }
    return VITLRP_OK;
}

enum vitlrp_status image_file_find(const char *folder, const char *id,
                                   const struct image_file_kind *kind, char **path,
                                   struct vitlrp_error *err) {
    const char *slash = strrchr(id, '/');
    char name[SHOWN];
    char place[SHOWN];
    *path = NULL;
    TRY(find_named(folder, id, kind->forms, path, err));
    if (*path == NULL && slash != NULL) {
        TRY(find_named(folder, slash + 1, kind->forms, path, err));
    }
    if (*path != NULL) {
        return VITLRP_OK;
    }
    text_escape_name(name, sizeof name, id);
    text_escape_name(place, sizeof place, folder);
    return fail(err, VITLRP_MISMATCH,
                "%s: no %s of %s is there: its name is that of the image, with %s behind it or in "
                "place of its ending",
                place, kind->what, name, kind->ending);
}

bool image_file_has_changed(const char *folder, const char *id, const struct image_file_kind *kind,
                            const char *sha256) {
    char *path = NULL;
    if (image_file_find(folder, id, kind, &path, NULL) != VITLRP_OK) {
        return true;
    }
    bool changed = sha256_file_differs(path, sha256);
    mem_free(path);
    return changed;
}
