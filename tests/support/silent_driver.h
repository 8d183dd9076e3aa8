/* silent_driver.h - the driver does not answer one of clGetDeviceInfo's and clGetPlatformInfo's questions: a program
 * that is linked with silent_driver.c has both of its own. */
#ifndef FG_TEST_SILENT_DRIVER_H
#define FG_TEST_SILENT_DRIVER_H

/* From now on the query gives CL_INVALID_VALUE; 0: all are answered again. */
void silence_query(unsigned what);
/* From now on it is answered with zeros. */
void zero_query(unsigned what);

#endif
