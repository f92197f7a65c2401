/* What the command runs on. */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <stddef.h>

/* The processor's name, "" if unknown. */
void machine_cpu(char *out, size_t size);

#endif
