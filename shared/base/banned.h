/* SPDX-License-Identifier: Apache-2.0 */
/* Force-included before every source: makes the use of unbounded or blocking libc functions a
 * compile error. Not a header to include by hand. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef stpcpy
#undef sprintf
#undef vsprintf
#undef alloca
#undef setjmp
#undef strtok

#pragma GCC poison strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets strtok
#pragma GCC poison atoi atol atoll gmtime localtime ctime asctime mktemp tmpnam
#pragma GCC poison longjmp system popen

#endif
