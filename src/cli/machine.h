/* What the command runs on: processors, memory that is left, and time. */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes below the nearest limit of the group and of those around it; UINT64_MAX without one. Files
 * that can be dropped from memory count as free. `membership` is /proc/self/cgroup, `mount` where
 * version 1 has its controllers and version 2 its groups, /sys/fs/cgroup. */
uint64_t control_group_left(const char *membership, const char *mount);

/* Processors that this process may run on, at least 1. */
size_t available_processors(void);

/* Milliseconds of a clock that only goes forward. */
double clock_ms(void);

/* The processor's name, "" if unknown. */
void machine_cpu(char *out, size_t size);

/* Bytes that this process can still have; UINT64_MAX where the system does not say, or sets no
 * limit. */
struct machine_room {
    uint64_t memory;    /* of the machine, or of the control group */
    uint64_t with_swap; /* likewise; what is beyond cannot be had */
    uint64_t addresses; /* see ulimit -v */
};

struct machine_room machine_room(void);

#endif
