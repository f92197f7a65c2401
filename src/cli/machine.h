/* What the command runs on. */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* The processor's name, "" if unknown. */
void machine_cpu(char *out, size_t size);

/* Bytes that this process can still have; UINT64_MAX where the system does not tell, or sets no
 * limit. */
struct machine_room {
    uint64_t memory;    /* of the machine, or of the control group */
    uint64_t with_swap; /* likewise; what is beyond cannot be had */
    uint64_t addresses; /* see ulimit -v */
};

struct machine_room machine_room(void);

#endif
