/* Functions of a program that are called as some inside the library are. The static library must
 * not see them, nor they it. */
#include <stdlib.h>

#define OWN(name)                                                                                  \
    void name(void);                                                                               \
    void name(void) {                                                                              \
        abort();                                                                                   \
    }

OWN(fail)
OWN(mem_calloc)
OWN(mem_free)
OWN(text_append)
OWN(file_read)
OWN(image_alloc)
OWN(gemm_openblas)
OWN(vit_session_open)
