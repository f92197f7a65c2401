/* Looks for models in the hub's cache. Refuses to look anywhere else, and to fetch anything. */
#include "hub.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/folder.h"

/* Variables that may name a folder above the cache, and what leads from there to the cache. */
static const struct {
    const char *variable;
    const char *below;
} ROOTS[] = {{"HF_HUB_CACHE", ""},
             {"HF_HOME", "/hub"},
             {"XDG_CACHE_HOME", "/huggingface/hub"},
             {"HOME", "/.cache/huggingface/hub"}};
#define ROOT_COUNT (sizeof ROOTS / sizeof ROOTS[0])

/* The hub's names: two parts of letters, digits, '-', '_' and '.'. */
static bool is_name(const char *text) {
    static const char LETTERS[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    size_t first = strspn(text, LETTERS);
    if (first == 0 || text[0] == '.' || text[first] != '/') {
        return false;
    }
    const char *second = text + first + 1;
    return second[0] != '\0' && second[0] != '.' && second[strspn(second, LETTERS)] == '\0';
}

/* The folder of the name in a root's cache; false if the variable is not set or it does not fit. */
static bool cache_folder(size_t root, const char *name, char out[HUB_PATH]) {
    const char *slash = strchr(name, '/');
    const char *value = getenv(ROOTS[root].variable);
    if (value == NULL || value[0] == '\0') {
        return false;
    }
    int length = snprintf(out, HUB_PATH, "%s%s/models--%.*s--%s", value, ROOTS[root].below,
                          (int) (slash - name), name, slash + 1);
    return length > 0 && (size_t) length < HUB_PATH;
}

/* What is no file, and looks like something else. */
static enum vitlrp_status check_path(const char *model, struct vitlrp_error *err) {
    if (!path_is_there(model) && strstr(model, "://") != NULL) {
        return fail(
            err, VITLRP_IO,
            "%s: an address, and nothing is downloaded here: download the file, and name it",
            model);
    }
    if (!path_is_there(model) && strpbrk(model, "/.") == NULL) {
        return fail(err, VITLRP_IO,
                    "%s: there is no such file; a model is a file of weights, which `vitlrp help "
                    "models` says how to get",
                    model);
    }
    return VITLRP_OK;
}

enum vitlrp_status hub_resolve(const char *model, char out[HUB_PATH], struct vitlrp_error *err) {
    char looked[200] = "";
    size_t used = 0;
    if (strlen(model) >= HUB_PATH) {
        return fail(err, VITLRP_LIMIT, "the path of the model is longer than %zu bytes", HUB_PATH);
    }
    for (size_t i = 0; !path_is_there(model) && is_name(model) && i < ROOT_COUNT; i++) {
        if (!cache_folder(i, model, out)) {
            continue;
        }
        if (path_is_there(out)) {
            return VITLRP_OK;
        }
        int length = snprintf(looked + used, sizeof looked - used, "%s$%s%s", used > 0 ? ", " : "",
                              ROOTS[i].variable, ROOTS[i].below);
        used += length > 0 ? (size_t) length : 0;
    }
    if (used > 0) {
        return fail(
            err, VITLRP_IO,
            "%s: there is no such file, and it is not in the hub's cache (%s); `hf download "
            "%s` fetches it",
            model, looked, model);
    }
    snprintf(out, HUB_PATH, "%s", model);
    return check_path(model, err);
}
