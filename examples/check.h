/* check.h - what every example does with a status: go on, or say what was wrong and stop. */
#ifndef EXAMPLE_CHECK_H
#define EXAMPLE_CHECK_H

#include <flashgmm/flashgmm.h>

#include <stdio.h>
#include <stdlib.h>

static inline void check(fgmm_status status)
{
    if (status == FGMM_OK) return;
    fprintf(stderr, "%s: %s\n", fgmm_status_text(status), fgmm_last_error());
    exit(EXIT_FAILURE);
}

#endif
