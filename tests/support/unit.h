/* cmocka with what it needs before it, and without its macro fail, which would hide the function of
 * base/status.h. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#include <cmocka.h>

#endif
