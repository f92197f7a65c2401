/* The images of a command line: of several, those that are pictures of our own are passed over, so
 * that "vitlrp *" may run twice. One image is read whatever it is. */
#ifndef CLI_EXPLAIN_OWN_PICTURES_H
#define CLI_EXPLAIN_OWN_PICTURES_H

#include "base/status.h"
#include "cli/args.h"
#include "cli/guard.h"

struct chosen_images {
    struct args args;         /* with the images that are left; its list is owned */
    const char **passed_over; /* owned; the strings are the command line's */
    size_t passed_over_count;
};

/* USAGE where none is left. *out is owned: chosen_images_free. */
enum vitlrp_status own_pictures_pass_over(const struct args *args, struct chosen_images *out,
                                          struct vitlrp_error *err);

/* Guards what was passed over by its name and does not say that it is ours. */
enum vitlrp_status own_pictures_guard(const struct chosen_images *chosen, struct guard *guard,
                                      struct vitlrp_error *err);

/* A zeroed one is fine. */
void chosen_images_free(struct chosen_images *chosen);

#endif
