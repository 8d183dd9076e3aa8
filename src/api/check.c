/* check.c - fgmm_check_main: the program that checks kernels for another process. */
#include "flashgmm/device.h"

#include "check_process.h"

int fgmm_check_main(int argc, char **argv)
{
    return fg_check_for_another(argc, argv);
}
