#include "api/api.h"

#include "base/mem.h"

const char *vitlrp_version(void) {
    return VITLRP_VERSION;
}

const char *vitlrp_status_name(enum vitlrp_status status) {
    switch (status) {
    case VITLRP_OK:
        return "ok";
    case VITLRP_USAGE:
        return "usage";
    case VITLRP_IO:
        return "io";
    case VITLRP_FORMAT:
        return "format";
    case VITLRP_UNSUPPORTED:
        return "unsupported";
    case VITLRP_LIMIT:
        return "limit";
    case VITLRP_NOMEM:
        return "nomem";
    case VITLRP_MISMATCH:
        return "mismatch";
    case VITLRP_NUMERIC:
        return "numeric";
    case VITLRP_CANCELLED:
        return "cancelled";
    case VITLRP_INTERNAL:
        return "internal";
    }
    return "unknown";
}

void vitlrp_free(void *pointer) {
    mem_free(pointer);
}
