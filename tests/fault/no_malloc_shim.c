/* In the place of malloc_shim.c where malloc stays what it is. */
#include "fault/failing_memory.h"

const bool malloc_is_shimmed = false;
