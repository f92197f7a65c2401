/* The memory that a control group, a container's or a job's, leaves to this process. */
#ifndef CLI_CONTROL_GROUP_H
#define CLI_CONTROL_GROUP_H

#include <stdint.h>

/* Bytes below the nearest limit of the group and of those around it; UINT64_MAX without one. Files
 * that can be dropped from memory count as free. `membership` is /proc/self/cgroup, `mount` where
 * version 1 has its controllers and version 2 its groups, /sys/fs/cgroup. */
uint64_t control_group_left(const char *membership, const char *mount);

#endif
