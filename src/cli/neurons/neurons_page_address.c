#define _XOPEN_SOURCE 700
/* Links from one file to another. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/page_frame.h"
#include "neurons_page.h"

/* The folder of a file that need not be there, as the system knows it. */
static bool resolve_folder(const char *path, char out[PATH_MAX]) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t) (slash - path);
    if (length >= sizeof folder) {
        return false;
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    return realpath(slash == NULL ? "." : length == 0 ? "/" : folder, out) != NULL;
}

/* Behind the last slash that both have, where a name begins in each. */
static size_t common_folders(const char *folder, const char *file) {
    size_t common = 0;
    for (size_t i = 0; file[i] != '\0'; i++) {
        bool ends = folder[i] == '\0';
        if (file[i] == '/' && (ends || folder[i] == '/')) {
            common = i + 1;
        }
        if (ends || folder[i] != file[i]) {
            break;
        }
    }
    return common;
}

bool neurons_page_address(const char *page, const char *to, struct text *out) {
    char folder[PATH_MAX];
    char file[PATH_MAX];
    if (!resolve_folder(page, folder) || realpath(to, file) == NULL) {
        return false;
    }
    size_t common = common_folders(folder, file);
    const char *left = strlen(folder) < common ? "" : folder + common;
    for (const char *at = left; *at != '\0'; at++) {
        if (*at == '/' || at == left) {
            text_append_string(out, "../");
        }
    }
    page_append_address(out, file + common, strlen(file + common));
    return true;
}
