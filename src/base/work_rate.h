/* What an estimate of time rests on, for the library's words and the command's. */
#ifndef BASE_WORK_RATE_H
#define BASE_WORK_RATE_H

/* What a processor does in a second at most, in operations as they are counted
 * (vit/program/work.h): a warning has the least time that the work takes. */
#define OPERATIONS_PER_SECOND 1e11

/* Work of more seconds for an image is told before it begins. */
#define TOLD_SECONDS 1.0

#endif
