/* The page of an image's hidden units (-o NAME.html): what the panel shows, as one file that loads
 * nothing, and is whole without its script. */
#ifndef CLI_NEURONS_NEURONS_PAGE_H
#define CLI_NEURONS_NEURONS_PAGE_H

#include "base/text.h"
#include "neurons_result.h"

/* The page of a result with maps of patches. `path` is where it will be, for links to the gallery
 * of an index. Appends to *out. */
enum vitlrp_status neurons_page_write(const struct neurons_result *result,
                                      const struct explanation *explanation, const char *path,
                                      struct text *out, struct vitlrp_error *err);

/* The address of `to`, a file that is there, on a page that will be at `page`: relative, with every
 * byte that could mean something written as %XX. False: there is no such file. */
bool neurons_page_address(const char *page, const char *to, struct text *out);

/* The script and the style, which end with a zero byte: neurons_page_files.S. */
extern const char NEURONS_PAGE_SCRIPT[];
extern const char NEURONS_PAGE_STYLE[];

#endif
