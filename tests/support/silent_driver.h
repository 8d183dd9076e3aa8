/* silent_driver.h - the driver does not answer one of clGetDeviceInfo's and clGetPlatformInfo's questions, or answers
 * some of clGetDeviceInfo's as another would: a program that is linked with silent_driver.c has both of its own. */
#ifndef FG_TEST_SILENT_DRIVER_H
#define FG_TEST_SILENT_DRIVER_H

#include <stddef.h>

/* From now on the query gives CL_INVALID_VALUE; 0: all are answered again. */
void silence_query(unsigned what);
/* From now on it is answered with zeros. */
void zero_query(unsigned what);
/* From now on it is answered with these bytes, borrowed. Up to 8 queries are at a time. */
void answer_query(unsigned what, const void *value, size_t bytes);
/* None is any more. */
void answer_truly(void);

#endif
