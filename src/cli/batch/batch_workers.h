/* How many images a batch explains at once, with the memory that there is. */
#ifndef CLI_BATCH_WORKERS_H
#define CLI_BATCH_WORKERS_H

#include <stddef.h>
#include <stdint.h>

#include "cli/machine.h"

struct batch_workers {
    size_t count;        /* at least 1, unless none are wanted */
    uint64_t each, left; /* bytes that decided: what a further one takes, and what there is */
};

/* At most `wanted` workers, each with a session of so many bytes. The addresses of one such session
 * are taken already. Cautious: what a worker takes beside its session depends on the pictures.
 * Results do not depend on the number. */
struct batch_workers batch_workers_within(size_t wanted, size_t session_bytes,
                                          const struct machine_room *room);

#endif
