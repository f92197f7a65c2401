#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

bool library_load(const char *soname, const char *const *names, size_t count, void *table) {
    /* Never closed: such libraries keep data for each thread, and glib cannot be unloaded. */
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    unsigned char *place = table;
    for (size_t i = 0; library != NULL && i < count; i++) {
        void *found = dlsym(library, names[i]);
        if (found == NULL) {
            return false;
        }
        /* ISO C has no conversion of a pointer to data into one to a function. */
        memcpy(place + i * sizeof found, &found, sizeof found);
    }
    return library != NULL;
}
